import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  agoMs,
  aRecord,
  anAttachment,
  aReplica,
  aVolume,
  identity,
  nowMs,
} from "../../src/core/testing/objects.ts";
import { isPrunedEarly, type RemovedReplica } from "./removed-replica.ts";

const PRUNE_AFTER_MS = 300_000;

/** The replica on node-b is marked for deletion while no node requests its volume. */
function removed(circumstances: Partial<RemovedReplica>): RemovedReplica {
  return {
    replica: aReplica("node-b"),
    atMs: nowMs,
    volume: aVolume(),
    others: [],
    isOutOfService: false,
    ...circumstances,
  };
}

const fenced = aVolume({ status: { record: aRecord({ quarantined: [identity("node-a")] }) } });
const rows: readonly {
  readonly because: string;
  readonly removal: RemovedReplica;
  readonly isEarly: boolean;
}[] = [
  {
    because: "the writer was fenced, and the volume has no requests recorded",
    removal: removed({ volume: fenced }),
    isEarly: true,
  },
  {
    because: "the volume has not been unrequested for long enough",
    removal: removed({ volume: aVolume({ status: { unrequestedSince: agoMs(PRUNE_AFTER_MS - 2_000) } }) }),
    isEarly: true,
  },
  {
    because: "the volume has been unrequested for long enough",
    removal: removed({ volume: aVolume({ status: { unrequestedSince: agoMs(PRUNE_AFTER_MS) } }) }),
    isEarly: false,
  },
  {
    because: "the other attachment is a replica, too",
    removal: removed({ others: [aReplica("node-c")] }),
    isEarly: true,
  },
  {
    because: "a primary may need its share",
    removal: removed({ others: [anAttachment("node-c")] }),
    isEarly: false,
  },
  {
    because: "its own node is in quarantine",
    removal: removed({
      volume: aVolume({ status: { record: aRecord({ quarantined: [identity("node-b")] }) } }),
    }),
    isEarly: false,
  },
  {
    because: "its own node is being fenced",
    removal: removed({ volume: aVolume({ status: { record: aRecord({ fencing: identity("node-b") }) } }) }),
    isEarly: false,
  },
  { because: "its node is out of service", removal: removed({ isOutOfService: true }), isEarly: false },
  {
    because: "DeleteVolume requested the deletion",
    removal: removed({ volume: aVolume({ spec: { deleteRequested: true } }) }),
    isEarly: false,
  },
  {
    because: "the shared disk grows, detached",
    removal: removed({ volume: aVolume({ status: { state: "Updating" } }) }),
    isEarly: false,
  },
  {
    because: "no replicas are requested",
    removal: removed({ volume: aVolume({ spec: { maxMountReplicaCount: 0 } }) }),
    isEarly: false,
  },
  { because: "its volume was removed by hand", removal: removed({ volume: undefined }), isEarly: false },
];

describe("the judgement of a removed replica", () => {
  for (const { because, removal, isEarly } of rows)
    it(`${isEarly ? "finds fault where" : "accepts that"} ${because}`, () =>
      assert.equal(isPrunedEarly(removal, PRUNE_AFTER_MS), isEarly));
});
