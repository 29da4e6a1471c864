// CUDA_VISIBLE_DEVICES, held against PyTorch's own parser: 22 values, and what UUIDs mean on three GPUs.

import { execFileSync } from 'node:child_process'
import { expect, it } from 'vitest'
import { visibleList } from '../../dist/energy/cuda-visible.js'
import { chooseDevices } from '../../dist/energy/devices.js'
import type { Device } from '../../dist/native/addon.js'
import { INSTALL_LIMIT_MS, installRealPytorch, testPython } from '../models/hugging-face.js'

const UUIDS = ['GPU-aaaa-1', 'GPU-aabb-2', 'GPU-cccc-3']
const VALUES = [
  ...['', '0', '0,1', '2,0', ' 1 , 2 ', '1,,2', '-1', '0,-1,1', '+1', '0,0', '0,1,0', '1gpu2,2ampere', 'all'],
  ...['0x1', '1.5', '01,1', '1,GPU-aabb-2', 'GPU-cccc-3', 'GPU-c,GPU-aab', 'GPU-aa', 'GPU-c,GPU-cccc'],
  ...[
    'GPU-cccc-3, GPU-aaaa-1',
    'GPU-cccc-3,1',
    'GPU-cccc-3,GPU-dddd,GPU-aaaa-1',
    'MIG-1234,MIG-1234',
    ' GPU-aaaa-1',
  ],
]
const ASK = `
import json, os, sys
import torch
uuids, values = json.load(sys.stdin)
told = []
for value in values:
    os.environ["CUDA_VISIBLE_DEVICES"] = value
    told.append(torch.cuda._parse_visible_devices())
ordinals = [
    torch.cuda._transform_uuid_to_ordinals(each, uuids) if each and isinstance(each[0], str) else each for each in told
]
print(json.dumps([told, ordinals]))
`

it('means what PyTorch takes it for', { timeout: INSTALL_LIMIT_MS }, async (context) => {
  const missing = await installRealPytorch()
  if (missing !== null) return context.skip(missing)
  const input = JSON.stringify([UUIDS, VALUES])
  const [lists, ordinals] = JSON.parse(execFileSync(testPython(), ['-c', ASK], { input, encoding: 'utf8' }))
  expect(
    VALUES.map((value) => {
      const { ordinals = [], uuids = [] } = visibleList(value)
      return [value, [...ordinals, ...uuids]]
    }),
  ).toEqual(VALUES.map((value, at) => [value, lists[at]]))
  // An instance of MIG is looked for among instances, of which these GPUs have none.
  const present = UUIDS.map((uuid, index) => ({ index, uuid, name: 'NVIDIA A100' }) as Device)
  for (const [at, value] of VALUES.entries()) {
    if (value.startsWith('MIG-')) continue
    const { devices } = chooseDevices(present, { explicit: null, cudaVisibleDevices: value })
    expect([value, devices.map(({ index }) => index)]).toEqual([value, ordinals[at]])
  }
})
