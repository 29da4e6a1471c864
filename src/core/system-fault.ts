import { LlemError } from './errors.js'

// What the system refuses is no bug of llem: it is told by its first cause, with what to do.

const DEFAULT_ADVICE = 'See whether its disk works and may be written to.'

/** What to do, by what the system says (errno, as Node spells it). */
const ADVICE: Readonly<Record<string, string>> = {
  ENOSPC: 'Make room on its disk, or choose another folder.',
  EDQUOT: 'Make room: the quota of this user is used up.',
  EFBIG: 'It grows beyond what this file system or `ulimit -f` allows; choose another folder.',
  EROFS: 'Its file system can only be read; choose another folder, or mount it for writing.',
  EIO: 'Its disk or the connection to it has a fault; see the log of the kernel, or choose another folder.',
  EMFILE: 'Too many files are open; raise the limit with `ulimit -n 65536` and run it again.',
  ENFILE: 'Too many files are open on this machine; end other programs, or raise fs.file-max.',
  ENOMEM: 'The machine has no memory left; end other programs and run it again.',
  EACCES: 'Give this user the right to it, or choose another folder.',
  EPERM: 'Give this user the right to it, or choose another folder.',
  EISDIR: 'A folder is where a file should be; move it away.',
  ENOTDIR: 'A file is where a folder should be; move it away.',
  ENOTEMPTY: 'A folder is where a file should be; move it away.',
  EEXIST: 'Something else is there already; move it away.',
  ENOENT: 'It, or the folder that it should be in, is gone or was never there.',
  ELOOP: 'Its links lead in a circle; correct them.',
  ENAMETOOLONG: 'Its name is too long for this file system; choose a shorter folder.',
  EINVAL: 'This file system does not do what is asked of it; choose a folder on a local disk.',
  ENOTSUP: 'This file system does not do what is asked of it; choose a folder on a local disk.',
  EOPNOTSUPP: 'This file system does not do what is asked of it; choose a folder on a local disk.',
  ESTALE: 'The folder on the network disk was replaced; mount it again.',
  ETXTBSY: 'It is being executed; wait until it has ended.',
  EBUSY: 'Something else uses it; end that, or choose another folder.',
}

interface Refusal {
  code: string
  syscall: string
  message: string
}

/** What to do about a failure of the file system, by its first cause. */
export function adviceOn(error: unknown): string {
  return ADVICE[firstRefusal(error)?.code ?? ''] ?? DEFAULT_ADVICE
}

/** The failure as an error for people; null where the system refused nothing. */
export function systemFault(error: unknown): LlemError | null {
  const refusal = firstRefusal(error)
  if (refusal === null) return null
  // Node's own words name the call and the path: "EROFS: read-only file system, unlink '/x/y'".
  return new LlemError(`the system refused what llem asked of it: ${refusal.message}`, {
    code: 'SYSTEM_FAULT',
    hint: adviceOn(error),
    cause: error,
  })
}

/** The refusal at the bottom of the causes. */
function firstRefusal(error: unknown): Refusal | null {
  if (typeof error !== 'object' || error === null) return null
  const { code, syscall, message, cause } = error as Partial<Refusal> & { cause?: unknown }
  const deeper = firstRefusal(cause)
  if (deeper !== null) return deeper
  const isRefusal = typeof code === 'string' && /^E[A-Z0-9]+$/.test(code) && typeof syscall === 'string'
  return isRefusal ? { code, syscall, message: String(message) } : null
}
