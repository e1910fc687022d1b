import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { WriterRecord } from "../../src/core/api/az-volume.ts";
import { identity } from "../../src/core/testing/objects.ts";
import { changedRecord, type RecordChanges } from "../../src/core/testing/record-lists.ts";
import { newRecord } from "../../src/core/writer/record/writer-steps.ts";
import { wrongMove } from "./writer-moves.ts";

const nodeA = { ...identity("node-a"), vmId: "vm-a" } as const;
const nodeB = { ...identity("node-b"), vmId: "vm-b" } as const;
const grantedToA = { ...nodeA, epoch: 1, held: false, requested: true } as const;
const heldByA = { ...grantedToA, held: true } as const;
const unrequestedA = { ...heldByA, requested: false } as const;

function aRecord(changes: RecordChanges = {}): WriterRecord {
  return changedRecord({ ...newRecord(0), epoch: 1 }, changes);
}

const moves: readonly {
  readonly because: string;
  readonly before: WriterRecord;
  readonly after: WriterRecord;
  readonly wrong: string | undefined;
}[] = [
  {
    because: "a grant raises the epoch",
    before: aRecord({ epoch: 0 }),
    after: aRecord({ writer: grantedToA }),
    wrong: undefined,
  },
  {
    because: "a grant needs a new epoch",
    before: aRecord(),
    after: aRecord({ writer: grantedToA }),
    wrong: "node-a was granted epoch 1 after epoch 1",
  },
  {
    because: "a volume is not granted to a node in quarantine",
    before: aRecord({ epoch: 0, quarantined: [nodeA] }),
    after: aRecord({ quarantined: [nodeA], writer: grantedToA }),
    wrong: "node-a was granted the volume in quarantine",
  },
  {
    because: "a volume is not granted while another node is unverified",
    before: aRecord({ epoch: 0, unverified: [nodeB] }),
    after: aRecord({ unverified: [nodeB], writer: grantedToA }),
    wrong: "node-a was granted the volume while node-b is unverified",
  },
  {
    because: "an unverified node reclaims what it has in use",
    before: aRecord({ epoch: 0, unverified: [nodeA, nodeB] }),
    after: aRecord({ unverified: [nodeB], writer: heldByA }),
    wrong: undefined,
  },
  {
    because: "no other node reclaims",
    before: aRecord({ epoch: 0, unverified: [nodeB] }),
    after: aRecord({ unverified: [nodeB], writer: heldByA }),
    wrong: "node-a holds what it was only granted",
  },
  {
    because: "a granted volume may be acquired",
    before: aRecord({ writer: grantedToA }),
    after: aRecord({ writer: heldByA }),
    wrong: undefined,
  },
  {
    because: "a node that is being fenced may not acquire",
    before: aRecord({ writer: grantedToA, fencing: nodeA }),
    after: aRecord({ writer: heldByA, fencing: nodeA }),
    wrong: "node-a acquired while it is being fenced",
  },
  {
    because: "a holder releases",
    before: aRecord({ writer: heldByA }),
    after: aRecord({ writer: grantedToA }),
    wrong: undefined,
  },
  {
    because: "a released grant is revoked",
    before: aRecord({ writer: { ...unrequestedA, held: false } }),
    after: aRecord(),
    wrong: undefined,
  },
  {
    because: "a holder is not revoked",
    before: aRecord({ writer: unrequestedA }),
    after: aRecord(),
    wrong: "node-a is no writer any more, and neither released nor was fenced",
  },
  {
    because: "a fence ends in quarantine",
    before: aRecord({ writer: unrequestedA, fencing: nodeA }),
    after: aRecord({ quarantined: [nodeA] }),
    wrong: undefined,
  },
  {
    because: "a fence without quarantine is none",
    before: aRecord({ writer: unrequestedA, fencing: nodeA }),
    after: aRecord(),
    wrong: "node-a is no writer any more, and neither released nor was fenced",
  },
  {
    because: "one writer is never replaced directly by another",
    before: aRecord({ writer: heldByA }),
    after: aRecord({ epoch: 2, writer: { ...nodeB, epoch: 2, held: false, requested: true } }),
    wrong: "node-b (epoch 2) is the writer beside node-a (epoch 1)",
  },
];

describe("the steps of a writer record", () => {
  for (const { because, before, after, wrong } of moves)
    it(because, () => assert.equal(wrongMove(before, after), wrong));
});
