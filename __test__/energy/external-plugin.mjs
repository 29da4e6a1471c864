// An external meter for tests: what it does is its first argument.

const [how = 'sine', ...rest] = process.argv.slice(2)
const nowNs = () => Number(process.hrtime.bigint())
const print = (line) => process.stdout.write(`${typeof line === 'string' ? line : JSON.stringify(line)}\n`)
/** 500 W +- 200 W with a period of 2 pi seconds, on the machine's clock. */
const sineW = (ns) => 500 + 200 * Math.sin(ns / 1e9)
const sineJ = (ns) => 1e6 + (500 * ns) / 1e9 - 200 * Math.cos(ns / 1e9)
const every = (ms, work) => setInterval(() => work(nowNs()), ms)
const reading = (w = sineW) => every(Number(rest[0] ?? 100), (t_ns) => print({ t_ns, w: w(t_ns) }))

const kinds = {
  sine: () => reading(),
  counter: () => every(100, (t_ns) => print({ t_ns, j: sineJ(t_ns) })),
  'without-times': () => every(100, (t_ns) => print({ w: sineW(t_ns) })),
  level: () => reading((t_ns) => Number(rest[1]) + (Math.floor(t_ns / 1e8) % 3)),
  accurate: () => {
    print({ accuracy_pct: 2 })
    reading()
  },
  constant: () => reading(() => 350),
  dies: () => {
    const timer = reading()
    setTimeout(() => {
      clearInterval(timer)
      process.stderr.write('the line of the meter is gone\n')
      process.exitCode = 3
      process.stdin.destroy()
    }, 1000)
  },
  'dies-at-once': () => {
    process.stderr.write('no such outlet\n')
    process.exitCode = 4
  },
  spikes: () => {
    let at = 0
    reading((t_ns) => (++at % 9 === 5 ? 31_000 : sineW(t_ns)))
  },
  'bad-later': () => {
    print({ t_ns: nowNs(), w: 300 })
    every(100, () => print({ t_ns: Date.now() * 1e6, w: 300 }))
  },
  throws: () => {
    setTimeout(() => {
      throw new Error('no such outlet')
    }, 300)
  },
  hangs: () => {
    const timer = reading()
    setTimeout(() => clearInterval(timer), 1000)
    setInterval(() => undefined, 1000)
  },
  silent: () => setInterval(() => undefined, 1000),
  floods: () => {
    const line = `${JSON.stringify({ t_ns: nowNs(), w: 300 })}\n`.repeat(2000)
    const more = () => {
      while (process.stdout.write(line));
      process.stdout.once('drain', more)
    }
    more()
  },
  'floods-nothing': () => {
    const lines = '\n'.repeat(1 << 16)
    const more = () => {
      while (process.stdout.write(lines));
      process.stdout.once('drain', more)
    }
    more()
  },
  endless: () => {
    const part = 'x'.repeat(1 << 16)
    const more = () => {
      while (process.stdout.write(part));
      process.stdout.once('drain', more)
    }
    more()
  },
  junk: () => {
    every(100, (t_ns) => {
      for (const bad of ['Power: 300 W', '{"t_ns":', '{"w": NaN}', '{"w": -5}', '\u001b[31m{"w": 1}', ''])
        print(bad)
      print({ t_ns: t_ns - 2e9, w: 1e6 })
      print({ t_ns: Date.now() * 1e6, w: 1e6 })
      print({ t_ns, w: 'NaN' })
      print({ t_ns, w: sineW(t_ns) })
      // The same once more.
      print({ t_ns, w: sineW(t_ns) })
      print({ t_ns, j: 5 })
    })
  },
  'wall-clock': () => every(100, () => print({ t_ns: Date.now() * 1e6, w: 300 })),
  secret: () => {
    const { A_METER_TOKEN: token = '' } = process.env
    print(`login with ${token}`)
    every(100, (t_ns) => print({ t_ns, w: sineW(t_ns) }))
    setTimeout(() => {
      process.stderr.write(`the login ${token} was refused\n`)
      process.exit(5)
    }, 1200)
  },
  stubborn: () => {
    for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP']) process.on(signal, () => undefined)
    process.stdout.on('error', () => undefined)
    reading()
  },
}

kinds[how]()
