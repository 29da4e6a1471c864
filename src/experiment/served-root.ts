// What the name that was asked for stands for on a server, where nobody can tell whether it is the model.

import type { ServerIdentity } from '../backends/identity.js'
import type { ExperimentConfig } from '../config/schema.js'
import type { Meanings } from '../core/meanings.js'
import { isSameModel } from '../core/model-names.js'
import { rootVerdict } from '../core/model-roots.js'
import { type Finding, warning } from '../results/findings.js'
import type { Member } from './fleet.js'
import { askedOf, isAttached } from './identity.js'

/** By a name alone, which a server may give to any weights. */
const BY_NAME: readonly ServerIdentity['by'][] = ['listed', 'alike', 'named']

/** A finding where a running server's word for the weights can be compared with nothing. */
export function findingsOfRoot(
  config: ExperimentConfig,
  members: readonly Pick<Member, 'session'>[],
): Finding[] {
  const server = members[0]?.session.info.server
  if (!isAttached(config) || server == null || !BY_NAME.includes(server.by)) return []
  const { root, parent } = server.observed
  const { model, served_as: meant } = askedOf(config)
  if (root === null || parent !== null || rootVerdict(model, root) === 'same') return []
  if (meant !== null && [server.name, root].some((each) => isSameModel(meant, each))) return []
  return [
    warning(
      'served_root_unclear',
      `the server says that ${JSON.stringify(server.name)} stands for ${JSON.stringify(root)}, and llem cannot tell whether that is ${JSON.stringify(model)}. Where it is, set served_as to it.`,
    ),
  ]
}

/** What each finding of this file means. */
export const MEANINGS: Meanings = {
  served_root_unclear: {
    meaning:
      'The server gives the model a name, and says that it stands for something that llem cannot compare with the model. It may be another model.',
    evidence: '`identity.observed.root` beside `identity.asked.model`.',
    advice: 'Set `served_as` to the root where it is what you mean.',
  },
}
