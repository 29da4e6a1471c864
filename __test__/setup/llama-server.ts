import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'

/**
 * Begins to build llama-server at the start of a run of all tests, so that it is there when the tests that need it come
 * (`order.ts`). The tests themselves tell why there is none.
 */
export default function llamaServerEarly(): void {
  const { LLEM_TEST_WHOLE, LLEM_TEST_DATA_DIR = '' } = process.env
  if (LLEM_TEST_WHOLE !== '1') return
  const builder = fileURLToPath(new URL('../backends/build-llama-server.mjs', import.meta.url))
  spawn(process.execPath, [builder, LLEM_TEST_DATA_DIR], { stdio: 'ignore' }).unref()
}
