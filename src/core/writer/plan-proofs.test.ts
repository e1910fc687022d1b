import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { ObservedVolume } from "../attachment/observed-volume.ts";
import { aNode, anAttachment, anObservedVolume, aRecord, aVolume, identity } from "../testing/objects.ts";
import { changedRecord } from "../testing/record-lists.ts";
import { planProofs } from "./plan-proofs.ts";

const a = identity("node-a");
const unconfirmedA = { ...a, unconfirmed: true as const };
const unverified = aRecord({ defaultAccess: "quarantined", unverified: [a] });

function observed(overrides: Parameters<typeof anObservedVolume>[0], record = unverified): ObservedVolume {
  return anObservedVolume({
    volume: aVolume({ status: { record } }),
    nodes: [aNode("node-a")],
    ...overrides,
  });
}

const attached = anAttachment("node-a");
const missing = anAttachment("node-a", { status: { deviceMissing: true } });

const rows: readonly {
  readonly because: string;
  readonly seen: ObservedVolume;
  readonly planned: readonly (typeof a)[];
}[] = [
  {
    because: "its device is reported to be there: it looks by itself",
    seen: observed({ attachments: [attached] }),
    planned: [],
  },
  {
    because: "only its own checkpoints say that it has the disk, whatever its attachment says",
    seen: observed({ attachments: [attached] }, changedRecord(unverified, { unverified: [unconfirmedA] })),
    planned: [a],
  },
  { because: "it finds no device", seen: observed({ attachments: [missing] }), planned: [a] },
  {
    because: "nothing was attached any more when its attachment was corrected",
    seen: observed({ attachments: [anAttachment("node-a", { status: { state: "Pending" } })] }),
    planned: [a],
  },
  {
    because: "a detach was refused after it had been marked",
    seen: observed({ attachments: [anAttachment("node-a", { status: { state: "Detaching" } })] }),
    planned: [a],
  },
  {
    because: "its attachment names the place of an earlier VM of its name",
    seen: observed({ attachments: [anAttachment("node-a", { status: { vmId: "older" } })] }),
    planned: [a],
  },
  {
    because: "its attachment went with a detach that ended late",
    seen: observed({ attachments: [] }),
    planned: [a],
  },
  {
    because: "it is unverified no more",
    seen: observed({ attachments: [] }, aRecord({ defaultAccess: "quarantined" })),
    planned: [],
  },
  {
    because: "a node is being fenced",
    seen: observed({ attachments: [] }, { ...unverified, fencing: a }),
    planned: [],
  },
  {
    because: "no node plug-in has registered by that name",
    seen: observed({ attachments: [], nodes: [] }),
    planned: [],
  },
  {
    because: "another VM has its name by now",
    seen: observed({ attachments: [], nodes: [aNode("node-a", { vmId: "another" })] }),
    planned: [],
  },
];

describe("planProofs", () => {
  for (const { because, seen, planned } of rows)
    it(`asks Azure about ${planned.length === 0 ? "no node" : "the unverified node"} where ${because}`, () => {
      assert.deepEqual(planProofs(seen), planned);
    });
});
