// A real Slurm on this machine, for the tests: several nodes with fake GPUs, without systemd, as root, in one folder.
//   node scripts/slurm-cluster.mjs up FOLDER [--nodes N] [--gpus N] [--cpus N] [--option KEY=VALUE]...
//   node scripts/slurm-cluster.mjs down FOLDER
//   node scripts/slurm-cluster.mjs restart FOLDER     ends slurmctld and starts it again
// With SLURM_CONF=FOLDER/slurm.conf every command of Slurm talks to it. Several live side by side: each has its own ports,
// its own munged, its own key. FOLDER must be short (its sockets' names have at most 107 letters) and is removed by `down`.
import { spawn, spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'

const WAIT_MS = 60_000
/** In the environment of every daemon, so that `down` finds what they have left. */
const MARK = 'LLEM_SLURM_CLUSTER'

/** Why there can be no cluster here, or null. */
export function whyNoCluster() {
  if (process.getuid?.() !== 0) return 'only root can start Slurm and make device files'
  for (const program of ['munged', 'slurmctld', 'slurmd'])
    if (spawnSync(program, ['-V'], { env: withSbin() }).error !== undefined)
      return `${program} is not installed (scripts/setup-debian.sh does it)`
  return null
}

/** Why there can be no accounting here, or null. */
export function whyNoAccounting() {
  for (const [program, arg] of [
    ['slurmdbd', '-V'],
    ['mariadbd', '--version'],
    ['mariadb-install-db', '--help'],
  ])
    if (spawnSync(program, [arg], { env: withSbin() }).error !== undefined)
      return `${program} is not installed (scripts/setup-debian.sh does it)`
  return null
}

/**
 * Starts a cluster in a folder. Resolves with the path of its slurm.conf once all nodes are idle. `options`: lines of slurm.conf
 * that take the place of those here, such as { MaxArraySize: 10001 }. `accounting`: with slurmdbd, over a MariaDB of its own.
 */
export async function startCluster(
  folder,
  { nodes = 1, gpus = 2, cpus = 4, options = {}, accounting = false } = {},
) {
  const dir = resolve(folder)
  const why = whyNoCluster()
  if (why !== null) throw new Error(why)
  if (`${dir}/munge/socket.lock`.length > 107) throw new Error(`${dir} is too long for the name of a socket`)
  // The key of a cluster that runs there would be gone.
  if (existsSync(join(dir, 'munge'))) throw new Error(`${dir} has a cluster already: end it with \`down\``)
  for (const part of ['munge', 'state', 'log', 'spool'])
    mkdirSync(join(dir, part), { recursive: true, mode: 0o755 })
  writeFileSync(join(dir, 'munge', 'key'), randomBytes(1024), { mode: 0o600 })
  for (let gpu = 0; gpu < gpus; gpu++) must('mknod', [join(dir, `gpu${gpu}`), 'c', '1', '3'], dir)
  const [controller, accounts, ...ports] = await freePorts(nodes + 2)
  const names = Array.from({ length: nodes }, (_, index) => `node${String(index + 1).padStart(2, '0')}`)
  const accounted = accounting
    ? {
        AccountingStorageType: 'accounting_storage/slurmdbd',
        AccountingStorageHost: 'localhost',
        AccountingStoragePort: accounts,
        // The way to munged, where slurmdbd is asked.
        AccountingStoragePass: join(dir, 'munge', 'socket'),
      }
    : {}
  const lines = { ...accounted, ...options }
  writeFileSync(
    join(dir, 'slurm.conf'),
    configOf({ dir, controller, ports, names, gpus, cpus, options: lines }),
  )
  writeFileSync(join(dir, 'gres.conf'), gpus > 0 ? `Name=gpu File=${dir}/gpu[0-${gpus - 1}]\n` : '')
  writeFileSync(join(dir, 'cgroup.conf'), 'CgroupPlugin=cgroup/v1\nCgroupAutomount=no\n')
  try {
    must(
      'munged',
      [
        ...['--force', `--key-file=${dir}/munge/key`, `--socket=${dir}/munge/socket`],
        ...[`--pid-file=${dir}/munge/pid`, `--log-file=${dir}/log/munged`, `--seed-file=${dir}/munge/seed`],
      ],
      dir,
    )
    if (accounting) await startAccounting(dir, accounts)
    must('slurmctld', ['-c', '-f', join(dir, 'slurm.conf')], dir)
    for (const name of names) must('slurmd', ['-c', '-N', name, '-f', join(dir, 'slurm.conf')], dir)
    await untilIdle(dir, nodes)
  } catch (error) {
    const logs = readdirSync(join(dir, 'log')).map((name) => `${name}: ${tail(join(dir, 'log', name))}`)
    await stopCluster(dir)
    throw new Error(`${error.message}\n${logs.join('\n')}`)
  }
  return join(dir, 'slurm.conf')
}

/** slurmdbd and its database, which is reached by a socket alone. */
async function startAccounting(dir, port) {
  const data = join(dir, 'mysql')
  const shared = ['--no-defaults', `--datadir=${data}`, '--user=root']
  must('mariadb-install-db', [...shared, '--auth-root-authentication-method=normal', '--skip-test-db'], dir)
  const server = spawn(
    'mariadbd',
    [
      ...[...shared, '--skip-networking', `--socket=${dir}/mysql.sock`, `--pid-file=${dir}/mysql.pid`],
      `--log-error=${dir}/log/mysql`,
    ],
    { env: { ...withSbin(), [MARK]: dir }, stdio: 'ignore', detached: true },
  )
  server.unref()
  await until(() => existsSync(join(dir, 'mysql.sock')), 'mariadbd did not come up')
  const lines = {
    AuthType: 'auth/munge',
    AuthInfo: `socket=${dir}/munge/socket`,
    DbdHost: 'localhost',
    DbdPort: port,
    SlurmUser: 'root',
    PidFile: `${dir}/slurmdbd.pid`,
    LogFile: `${dir}/log/slurmdbd`,
    StorageType: 'accounting_storage/mysql',
    StorageHost: 'localhost',
    StorageUser: 'root',
    StorageLoc: 'slurm',
  }
  const text = Object.entries(lines).map(([key, value]) => `${key}=${value}\n`)
  // slurmdbd looks for it beside slurm.conf, and takes none that others may read.
  writeFileSync(join(dir, 'slurmdbd.conf'), text.join(''), { mode: 0o600 })
  must('slurmdbd', [], dir)
  const hasCluster = () => run('sacctmgr', ['--immediate', 'add', 'cluster', 'llem'], dir).status === 0
  await until(hasCluster, 'slurmdbd did not come up')
}

/** Ends slurmctld, and starts it again after a while. */
export async function restartController(folder, { downMs = 0 } = {}) {
  await endController(folder)
  await new Promise((done) => setTimeout(done, downMs))
  await startController(folder)
}

/**
 * Ends slurmctld. After SIGKILL it comes back with what it wrote down last, which is up to five seconds old; `losesJobs`: with no
 * jobs at all, as from a disk that was lost.
 */
export async function endController(folder, { signal = 'SIGTERM', losesJobs = false } = {}) {
  const dir = resolve(folder)
  await end(pidIn(join(dir, 'slurmctld.pid')), signal)
  if (losesJobs)
    for (const name of readdirSync(join(dir, 'state')))
      if (name.startsWith('job_state')) rmSync(join(dir, 'state', name))
}

/** Starts slurmctld again, and waits until it answers and knows its nodes. */
export async function startController(folder) {
  const dir = resolve(folder)
  must('slurmctld', ['-f', join(dir, 'slurm.conf')], dir)
  await until(() => run('scontrol', ['ping'], dir).stdout.includes('is UP'), 'slurmctld did not come back')
  // Of a node that has not told what it has, it believes that it has nothing.
  const isKnown = () => !/unk/.test(run('sinfo', ['-h', '-N', '-o', '%t'], dir).stdout)
  await until(isKnown, 'the nodes did not come back')
}

/** Ends one node's daemon as a crash of the node would, or starts it. */
export async function endNode(folder, name) {
  await end(pidIn(join(resolve(folder), `slurmd-${name}.pid`)), 'SIGKILL')
}

/** Ends all of a cluster, with whatever its jobs have left, and removes its folder. */
export async function stopCluster(folder) {
  const dir = resolve(folder)
  if (!existsSync(dir)) return
  run('scancel', ['--state=PENDING,RUNNING,SUSPENDED', '--user=root'], dir, 5000)
  const daemons = readdirSync(dir).filter((name) => name.endsWith('.pid'))
  // Nodes first: slurmctld would wait for them.
  for (const name of daemons.sort().reverse()) await end(pidIn(join(dir, name)), 'SIGTERM')
  for (const pid of leftBy(dir)) await end(pid, 'SIGKILL')
  await end(pidIn(join(dir, 'munge', 'pid')), 'SIGTERM')
  rmSync(dir, { recursive: true, force: true })
}

function configOf({ dir, controller, ports, names, gpus, cpus, options }) {
  const lines = {
    ClusterName: 'llem',
    SlurmctldHost: 'localhost(127.0.0.1)',
    SlurmctldPort: controller,
    SlurmUser: 'root',
    AuthType: 'auth/munge',
    // A requeued job waits until its credentials cannot be used any more: two minutes by default.
    AuthInfo: `socket=${dir}/munge/socket,cred_expire=10`,
    CredType: 'cred/munge',
    StateSaveLocation: `${dir}/state`,
    SlurmdSpoolDir: `${dir}/spool/%n`,
    SlurmctldPidFile: `${dir}/slurmctld.pid`,
    SlurmdPidFile: `${dir}/slurmd-%n.pid`,
    SlurmctldLogFile: `${dir}/log/slurmctld`,
    SlurmdLogFile: `${dir}/log/slurmd-%n`,
    // Neither cgroups nor root's namespaces are touched.
    ProctrackType: 'proctrack/linuxproc',
    TaskPlugin: 'task/none',
    JobAcctGatherType: 'jobacct_gather/none',
    AccountingStorageType: 'accounting_storage/none',
    JobCompType: 'jobcomp/filetxt',
    JobCompLoc: `${dir}/log/jobs`,
    SchedulerType: 'sched/backfill',
    SchedulerParameters: 'batch_sched_delay=0,bf_interval=1,sched_interval=2',
    SelectType: 'select/cons_tres',
    SelectTypeParameters: 'CR_Core',
    MpiDefault: 'none',
    SwitchType: 'switch/none',
    ReturnToService: 2,
    KillWait: 3,
    // What a node has is what is written here, not what this machine has.
    SlurmdParameters: 'config_overrides',
    GresTypes: 'gpu',
    ...options,
  }
  const nodes = names.map(
    (name, index) =>
      `NodeName=${name} NodeHostname=localhost NodeAddr=127.0.0.1 Port=${ports[index]} CPUs=${cpus} RealMemory=16000 ` +
      `${gpus > 0 ? `Gres=gpu:${gpus} ` : ''}State=UNKNOWN`,
  )
  return [
    ...Object.entries(lines).map(([key, value]) => `${key}=${value}`),
    ...nodes,
    'PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE State=UP',
    'PartitionName=short Nodes=ALL MaxTime=10 State=UP',
    'PartitionName=closed Nodes=ALL State=UP AllowGroups=nobody',
    '',
  ].join('\n')
}

async function untilIdle(dir, nodes) {
  const isUp = () => {
    const { stdout } = run('sinfo', ['-h', '-p', 'main', '-N', '-o', '%N %T'], dir)
    return stdout.split('\n').filter((line) => / idle$/.test(line)).length === nodes
  }
  await until(isUp, `not all nodes came up:\n${run('sinfo', ['-R'], dir).stdout}`)
}

async function until(isSo, otherwise) {
  const endMs = performance.now() + WAIT_MS
  while (performance.now() < endMs) {
    if (isSo()) return
    await new Promise((done) => setTimeout(done, 100))
  }
  throw new Error(otherwise)
}

/** Processes that have the cluster's mark, or are of one of its jobs. */
function leftBy(dir) {
  const marks = [`${MARK}=${dir}\0`, `SLURM_CONF=${dir}/slurm.conf\0`]
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => {
      try {
        const environment = `${readFileSync(`/proc/${pid}/environ`, 'latin1')}\0`
        if (environment.includes(marks[0])) return true
        return environment.includes(marks[1]) && environment.includes('SLURM_JOB_ID=')
      } catch {
        return false
      }
    })
    .map(Number)
    .filter((pid) => pid !== process.pid && pid !== pidIn(join(dir, 'munge', 'pid')))
}

/** Sends a signal and waits until the process is gone; by force after 5 s. */
async function end(pid, signal) {
  if (pid === null || !kill(pid, signal)) return
  const endMs = performance.now() + 5000
  while (kill(pid, 0) && !isZombie(pid)) {
    if (performance.now() > endMs && !kill(pid, 'SIGKILL')) return
    await new Promise((done) => setTimeout(done, 20))
  }
}

function kill(pid, signal) {
  try {
    return process.kill(pid, signal)
  } catch {
    return false
  }
}

function isZombie(pid) {
  try {
    return /^\d+ \(.*\) Z/s.test(readFileSync(`/proc/${pid}/stat`, 'latin1'))
  } catch {
    return true
  }
}

function pidIn(path) {
  const pid = existsSync(path) ? Number.parseInt(readFileSync(path, 'utf8'), 10) : Number.NaN
  return Number.isNaN(pid) ? null : pid
}

/** Ports of 127.0.0.1 that were free a moment ago. */
async function freePorts(count) {
  const servers = await Promise.all(
    Array.from(
      { length: count },
      () =>
        new Promise((done, failed) => {
          const server = createServer().once('error', failed)
          server.listen(0, '127.0.0.1', () => done(server))
        }),
    ),
  )
  const ports = servers.map((server) => server.address().port)
  await Promise.all(servers.map((server) => new Promise((done) => server.close(done))))
  return ports
}

function must(program, args, dir) {
  const { status, stderr, error } = run(program, args, dir)
  if (status !== 0) throw new Error(`${program} failed: ${error?.message ?? stderr}`)
}

function run(program, args, dir, timeout = WAIT_MS) {
  // The socket of slurmdbd's database, by a variable of MariaDB's client library.
  const sockets = { MYSQL_UNIX_PORT: join(dir, 'mysql.sock') }
  const env = { ...withSbin(), ...sockets, SLURM_CONF: join(dir, 'slurm.conf'), [MARK]: dir }
  return spawnSync(program, args, { env, encoding: 'utf8', timeout, stdio: ['ignore', 'pipe', 'pipe'] })
}

function withSbin() {
  return { ...process.env, PATH: `${process.env.PATH}:/usr/sbin:/sbin` }
}

function tail(path) {
  return readFileSync(path, 'utf8').split('\n').slice(-8).join('\n')
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { positionals, values } = parseArgs({
    allowPositionals: true,
    options: {
      nodes: { type: 'string', default: '1' },
      gpus: { type: 'string', default: '2' },
      cpus: { type: 'string', default: '4' },
      option: { type: 'string', multiple: true, default: [] },
    },
  })
  const [verb, folder] = positionals
  const numbers = { nodes: Number(values.nodes), gpus: Number(values.gpus), cpus: Number(values.cpus) }
  const options = Object.fromEntries(
    values.option.map((text) => [text.split('=')[0], text.slice(text.indexOf('=') + 1)]),
  )
  if (verb === 'up' && folder !== undefined) console.log(await startCluster(folder, { ...numbers, options }))
  else if (verb === 'down' && folder !== undefined) await stopCluster(folder)
  else if (verb === 'restart' && folder !== undefined) await restartController(folder)
  else {
    console.error(
      'node scripts/slurm-cluster.mjs up|down|restart FOLDER [--nodes N] [--gpus N] [--cpus N] [--option KEY=VALUE]...',
    )
    process.exit(2)
  }
}
