// A stand-in for the Hugging Face datasets server, which the machines that run these tests cannot reach. Its paths,
// parameters, answers and errors are those of https://huggingface.co/docs/dataset-viewer (splits, rows) and of the
// error codes in libs/libapi of github.com/huggingface/dataset-viewer.

import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface FakeDataset {
  /** Configuration -> split -> rows. */
  configs: Record<string, Record<string, Record<string, unknown>[]>>
  /** Column -> type, in the words of the server; strings where it is left out. */
  features?: Record<string, unknown>
  /** Only with this token. */
  token?: string
  revision?: string | null
  /** Whether the server has only its beginning. */
  partial?: boolean
}

export interface FakeServer {
  address: string
  /** Path and parameters of each request, and the Authorization header. */
  asked: { path: string; query: Record<string, string>; authorization: string | undefined }[]
  datasets: Record<string, FakeDataset>
  /** Called before each answer; true where it has answered itself. */
  intercept: (request: IncomingMessage, response: ServerResponse) => boolean | Promise<boolean>
  close(): Promise<void>
}

export const STRING = { dtype: 'string', _type: 'Value' }
const MAX_LENGTH = 100

export async function startDatasetsServer(datasets: Record<string, FakeDataset> = {}): Promise<FakeServer> {
  const http = createServer(async (request, response) => {
    const url = new URL(request.url ?? '/', 'http://localhost')
    const query = Object.fromEntries(url.searchParams)
    fake.asked.push({ path: url.pathname, query, authorization: request.headers.authorization })
    if (!(await fake.intercept(request, response))) answer(fake, url.pathname, query, request, response)
  })
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve))
  const fake: FakeServer = {
    address: `http://127.0.0.1:${(http.address() as AddressInfo).port}`,
    asked: [],
    datasets,
    intercept: () => false,
    close: () =>
      new Promise((resolve) => {
        http.closeAllConnections()
        http.close(() => resolve())
      }),
  }
  return fake
}

function answer(
  { datasets }: FakeServer,
  path: string,
  query: Record<string, string>,
  request: IncomingMessage,
  response: ServerResponse,
): void {
  const dataset = datasets[query.dataset ?? '']
  const { authorization } = request.headers
  if (dataset === undefined || (dataset.token !== undefined && authorization !== `Bearer ${dataset.token}`)) {
    const [status, code, error] =
      authorization === undefined
        ? ([
            401,
            'ExternalUnauthenticatedError',
            'The dataset does not exist, or is not accessible without authentication (private or gated).',
          ] as const)
        : ([
            404,
            'ExternalAuthenticatedError',
            'The dataset does not exist, or is not accessible with the current credentials (private or gated).',
          ] as const)
    send(response, status, { error }, { 'x-error-code': code })
    return
  }
  const headers = dataset.revision === null ? {} : { 'x-revision': dataset.revision ?? 'c0ffee' }
  if (path === '/splits') {
    const splits = Object.entries(dataset.configs).flatMap(([config, those]) =>
      Object.keys(those).map((split) => ({ dataset: query.dataset, config, split })),
    )
    send(response, 200, { splits, pending: [], failed: [] }, headers)
    return
  }
  const rows = dataset.configs[query.config ?? '']?.[query.split ?? '']
  const [offset, length] = [Number(query.offset), Number(query.length)]
  if (path !== '/rows' || rows === undefined || length > MAX_LENGTH) {
    send(response, length > MAX_LENGTH ? 422 : 404, { error: 'Not found.' }, {})
    return
  }
  const features =
    dataset.features ?? Object.fromEntries(Object.keys(rows[0] ?? {}).map((key) => [key, STRING]))
  send(
    response,
    200,
    {
      features: Object.entries(features).map(([name, type], feature_idx) => ({ feature_idx, name, type })),
      rows: rows
        .slice(offset, offset + length)
        .map((row, place) => ({ row_idx: offset + place, row, truncated_cells: [] })),
      num_rows_total: rows.length,
      num_rows_per_page: MAX_LENGTH,
      partial: dataset.partial ?? false,
    },
    headers,
  )
}

export function send(
  response: ServerResponse,
  status: number,
  body: unknown,
  headers: Record<string, string> = {},
): void {
  response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body))
}
