/// <reference lib="dom" />

// What the page does in a browser. It is written into the page as text, so it uses nothing from outside of itself but uPlot,
// which stands before it.

/** The little of uPlot that is used. */
interface Chart {
  ctx: CanvasRenderingContext2D
  bbox: { left: number; top: number; width: number; height: number }
  cursor: { idx?: number | null; left?: number }
  scales: { x: { min: number; max: number } }
  data: [number[], (number | null)[]]
  valToPos(value: number, scale: string, canvas?: boolean): number
  posToIdx(left: number): number
  setCursor(at: { left: number; top: number }): void
  setScale(scale: string, ends: { min: number; max: number }): void
  setSize(size: { width: number; height: number }): void
  redraw(): void
}
interface ChartKind {
  new (options: unknown, data: unknown, place: HTMLElement): Chart
  sync(key: string): unknown
  paths: { stepped(options: { align: number }): unknown }
}
interface Panel {
  id: string
  title: string
  unit: string
  height: number
  stepped: boolean
  low: number
  high: number
  from: number
  step?: number
  resolution?: number
  differences?: number[]
  v: (number | null)[]
}
interface Span {
  kind: string
  from: number
  to: number
}

export function pageScript(): void {
  const uPlot = (globalThis as unknown as { uPlot: ChartKind }).uPlot
  const all = <E extends Element>(selector: string, within: ParentNode = document): E[] => [
    ...within.querySelectorAll<E>(selector),
  ]

  // Tables: a head sorts by its column; what is unknown stays below.
  for (const table of all<HTMLTableElement>('table.sortable')) {
    const heads = all<HTMLTableCellElement>('thead th', table)
    for (const [column, head] of heads.entries()) {
      head.querySelector('button')?.addEventListener('click', () => {
        const down = head.getAttribute('aria-sort') === 'ascending'
        for (const each of heads) each.removeAttribute('aria-sort')
        head.setAttribute('aria-sort', down ? 'descending' : 'ascending')
        const keyOf = (row: HTMLTableRowElement) => {
          const cell = row.cells[column]
          return cell?.dataset.v ?? cell?.textContent ?? ''
        }
        const body = table.tBodies[0]
        const rows = [...(body?.rows ?? [])].sort((a, b) => {
          const [left, right] = [keyOf(a), keyOf(b)]
          if (left === '' || right === '') return Number(left === '') - Number(right === '')
          const order = Number.isNaN(Number(left) - Number(right))
            ? left.localeCompare(right)
            : Number(left) - Number(right)
          return down ? -order : order
        })
        body?.append(...rows)
      })
    }
  }

  // Tips: of what is pointed at or focused, away with Escape.
  const tip = document.getElementById('tip') as HTMLElement
  const show = (mark: SVGElement | HTMLElement) => {
    tip.textContent = mark.dataset.tip ?? ''
    tip.hidden = false
    const at = (mark.querySelector('.hit') ?? mark).getBoundingClientRect()
    const own = tip.getBoundingClientRect()
    const left = Math.min(
      Math.max(at.left + at.width / 2 - own.width / 2, 8),
      document.documentElement.clientWidth - own.width - 8,
    )
    const above = at.top - own.height - 8
    tip.style.left = `${left + scrollX}px`
    tip.style.top = `${(above < 0 ? at.bottom + 8 : above) + scrollY}px`
  }
  const hide = () => {
    tip.hidden = true
  }
  for (const mark of all<SVGElement>('[data-tip]')) {
    mark.addEventListener('pointerenter', () => show(mark))
    mark.addEventListener('focus', () => show(mark))
    mark.addEventListener('pointerleave', hide)
    mark.addEventListener('blur', hide)
  }
  addEventListener('keydown', ({ key }) => {
    if (key === 'Escape') hide()
  })

  // A link to what is folded opens it.
  const unfold = () => {
    const target = document.getElementById(decodeURIComponent(location.hash.slice(1)))
    const folded = target?.querySelector('details.run')
    if (folded !== null && folded !== undefined) folded.setAttribute('open', '')
  }
  addEventListener('hashchange', unfold)
  unfold()

  // Print: everything is seen.
  let opened: HTMLDetailsElement[] = []
  addEventListener('beforeprint', () => {
    opened = all<HTMLDetailsElement>('details:not([open])')
    for (const each of opened) each.open = true
  })
  addEventListener('afterprint', () => {
    for (const each of opened) each.open = false
    opened = []
  })

  // Timelines: drawn anew by uPlot once they are near what is seen.
  const timesOf = ({ from, step, resolution, differences, v }: Panel): number[] => {
    if (differences === undefined) return v.map((_, at) => from + at * (step ?? 0))
    let units = 0
    return differences.map((difference) => {
      units += difference
      return from + units * (resolution ?? 0)
    })
  }
  const colour = (name: string) =>
    getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim()
  const TONES: Record<string, string> = {
    power: 'blue',
    flight: 'green',
    prefill: 'pink',
    temperature: 'orange',
  }
  const live: { figure: HTMLElement; place: HTMLElement; charts: Chart[] }[] = []

  const draw = (figure: HTMLElement) => {
    const place = figure.querySelector<HTMLElement>('.live')
    const still = figure.querySelector<HTMLElement>('.still')
    const readout = figure.querySelector<HTMLElement>('.readout')
    const text = figure.querySelector('script')?.textContent
    if (
      place === null ||
      still === null ||
      readout === null ||
      text == null ||
      live.some((each) => each.figure === figure)
    )
      return
    const { panels, spans } = JSON.parse(text) as { panels: Panel[]; spans: Span[] }
    const [start, end] = [Number(figure.dataset.from), Number(figure.dataset.to)]
    uPlot.sync(figure.id)
    const charts: Chart[] = []
    still.hidden = true
    place.hidden = false
    const width = place.clientWidth

    /** The last value that was told until then. */
    const valueAt = ({ data: [times, values] }: Chart, s: number): number | null => {
      let [low, high] = [0, times.length]
      while (low < high) {
        const middle = (low + high) >> 1
        if ((times[middle] ?? 0) <= s) low = middle + 1
        else high = middle
      }
      return values[low - 1] ?? null
    }
    const say = () => {
      const [first] = charts
      const at = first?.cursor.idx
      if (first === undefined || at == null || (first.cursor.left ?? -1) < 0) return
      const s = first.data[0][at] ?? 0
      const values = charts.map((chart, number) => {
        const panel = panels[number] as Panel
        const own = valueAt(chart, s)
        return `${panel.title.toLowerCase()} ${own === null ? 'unknown' : `${own} ${panel.unit}`.trim()}`
      })
      const within = spans
        .filter(({ from, to }) => s >= from && s <= to)
        .map(({ kind }) =>
          kind === 'gap'
            ? 'no readings'
            : kind === 'capped'
              ? 'at the power limit'
              : kind === 'slowed'
                ? 'slowed down'
                : 'steady state',
        )
      readout.textContent = `${s.toFixed(end - start > 600 ? 0 : 2)} s: ${[...values, ...within].join(', ')}`
    }
    const isLong = end - start > 600
    const tick = (s: number) => (isLong ? `${Number((s / 60).toFixed(2))} min` : `${Number(s.toFixed(3))} s`)

    for (const [number, panel] of panels.entries()) {
      const title = document.createElement('span')
      title.className = 'of'
      title.textContent = panel.unit === '' ? panel.title : `${panel.title}, ${panel.unit}`
      place.append(title)
      const isLast = number === panels.length - 1
      const axis = {
        stroke: () => colour('soft'),
        font: '12px system-ui, sans-serif',
        grid: { show: false },
        ticks: { show: false },
      }
      const options = {
        width,
        height: panel.height + (isLast ? 36 : 12),
        // Room for half a label at the top, and at the end.
        padding: [8, 18, isLast ? 0 : 4, 0],
        legend: { show: false },
        cursor: {
          sync: { key: figure.id, setSeries: false },
          drag: { x: true, y: false },
          points: { size: 6 },
        },
        scales: { x: { time: false }, y: { range: [panel.low, panel.high] } },
        axes: [
          { ...axis, show: isLast, size: 26, values: (_: Chart, ticks: number[]) => ticks.map(tick) },
          {
            ...axis,
            size: 52,
            space: panel.height > 100 ? 30 : 22,
            ...(panel.stepped
              ? { incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000] }
              : {}),
            grid: { show: true, stroke: () => colour('line'), width: 1 },
          },
        ],
        series: [
          {},
          {
            stroke: () => colour(TONES[panel.id] ?? 'blue'),
            width: 1.25,
            points: { show: false },
            spanGaps: false,
            ...(panel.stepped
              ? {
                  paths: uPlot.paths.stepped({ align: 1 }),
                  fill: () => `${colour(TONES[panel.id] ?? 'green')}40`,
                }
              : {}),
          },
        ],
        hooks: {
          drawClear: [
            (chart: Chart) => {
              const { ctx, bbox } = chart
              for (const { kind, from, to } of spans) {
                const left = Math.max(chart.valToPos(from, 'x', true), bbox.left)
                const right = Math.min(chart.valToPos(to, 'x', true), bbox.left + bbox.width)
                if (right < bbox.left || left > bbox.left + bbox.width) continue
                ctx.fillStyle = colour(kind)
                ctx.fillRect(left, bbox.top, Math.max(right - left, 2), bbox.height)
              }
            },
          ],
          setCursor: [say],
          setScale: [
            (chart: Chart, key: string) => {
              if (key !== 'x') return
              const { min, max } = chart.scales.x
              for (const other of charts)
                if (other !== chart && (other.scales.x.min !== min || other.scales.x.max !== max))
                  other.setScale('x', { min, max })
            },
          ],
        },
      }
      const chart = new uPlot(options, [timesOf(panel), panel.v], place)
      charts.push(chart)
    }
    const zoom = (min: number, max: number) => {
      const [from, to] = [Math.max(min, start), Math.min(max, end)]
      if (to - from > 0.01) charts[0]?.setScale('x', { min: from, max: to })
    }
    for (const chart of charts) chart.setScale('x', { min: start, max: end })
    place.tabIndex = 0
    place.setAttribute('role', 'application')
    place.setAttribute(
      'aria-label',
      `${still.getAttribute('aria-label')}. Arrow keys move along the timeline, plus and minus zoom, 0 shows all of it.`,
    )
    let at = 0
    place.addEventListener('keydown', (event) => {
      const [first] = charts
      if (first === undefined || event.ctrlKey || event.metaKey || event.altKey) return
      const { min, max } = first.scales.x
      const size = max - min
      const moves: Record<string, number> = {
        ArrowLeft: -0.02,
        ArrowRight: 0.02,
        PageUp: -0.2,
        PageDown: 0.2,
      }
      const move = moves[event.key]
      if (move !== undefined)
        at = Math.min(Math.max((at < min || at > max ? min : at) + move * size, min), max)
      else if (event.key === 'Home') at = min
      else if (event.key === 'End') at = max
      else if (event.key === '+' || event.key === '=') zoom(at - size / 4, at + size / 4)
      else if (event.key === '-') zoom(min - size / 2, max + size / 2)
      else if (event.key === '0') zoom(start, end)
      else return
      event.preventDefault()
      first.setCursor({ left: first.valToPos(at, 'x'), top: 10 })
    })
    live.push({ figure, place, charts })
  }

  const near = new IntersectionObserver(
    (entries) => {
      for (const { isIntersecting, target } of entries)
        if (isIntersecting) {
          near.unobserve(target)
          draw(target as HTMLElement)
        }
    },
    { rootMargin: '100px' },
  )
  for (const figure of all<HTMLElement>('.timeline')) near.observe(figure)
  addEventListener('resize', () => {
    for (const { place, charts } of live)
      for (const chart of charts)
        chart.setSize({ width: place.clientWidth, height: (chart as unknown as { height: number }).height })
  })
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => {
    for (const { charts } of live) for (const chart of charts) chart.redraw()
  })
}
