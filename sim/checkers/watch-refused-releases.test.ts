import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { identity } from "../../src/core/testing/objects.ts";
import { createRefusedReleases } from "../admission/refused-releases.ts";
import { createOutsideEvents } from "../history/outside-events.ts";
import { aHistory, aVolume, aWriter } from "./testing/a-history.ts";
import { watchRefusedReleases } from "./watch-refused-releases.ts";

const TRIED_AGAIN_MS = 10_000;
const held = aVolume({ writer: aWriter("node-a", 1) });
const given = aVolume({ writer: { ...aWriter("node-a", 1), held: false } });
const fenced = aVolume({ writer: aWriter("node-a", 1), fencing: identity("node-a") });

interface Circumstances {
  /** What the policy has refused. Default: the release. */
  readonly refused?: { readonly before: typeof held; readonly after: typeof held };
  readonly refusedTo?: string;
  /** From then until the fence is declared, in milliseconds. Default 0. */
  readonly forMs?: number;
  readonly isOutOfService?: boolean;
  /** The vmId of the VM that is node-a by then. Default: that of the node that was refused. */
  readonly vmId?: string;
  readonly before?: typeof held;
  readonly after?: typeof held;
}

/** A node's write is refused, and a fence of node-a is declared. */
async function aFence(circumstances: Circumstances): Promise<readonly string[]> {
  const { refused = { before: held, after: given }, refusedTo = "node-a", forMs = 0 } = circumstances;
  const history = aHistory();
  const outside = createOutsideEvents(history.clock);
  const refusedReleases = createRefusedReleases(history.clock);
  const { vmId = identity("node-a").vmId } = circumstances;
  const azure = { machineOf: () => ({ vmGuid: vmId }) };
  watchRefusedReleases({ ...history, azure, outside, refusedReleases });
  outside.noteOutOfService("node-a", circumstances.isOutOfService === true);
  refusedReleases.note(refusedTo, { verb: "updateStatus", kind: "AzVolume", ...refused });
  await history.clock.advance(forMs);
  const { before = held, after = fenced } = circumstances;
  history.commit({ kind: "AzVolume", name: "vol-1", before, after });
  return history.invariants();
}

describe("nodes whose releases are refused", () => {
  it("reports the fence of a node in service that retries its release", async () => {
    assert.deepEqual(await aFence({}), ["healthy-writer-cut-off"]);
    assert.deepEqual(await aFence({ forMs: TRIED_AGAIN_MS }), ["healthy-writer-cut-off"]);
  });

  const fine: readonly ({ readonly because: string } & Circumstances)[] = [
    { because: "the node has stopped trying", forMs: TRIED_AGAIN_MS + 1 },
    { because: "the node is out of service", isOutOfService: true },
    { because: "its VM has been replaced since then", vmId: "vm-new" },
    { because: "another node's release was refused", refusedTo: "node-b" },
    { because: "it is another move that was refused", refused: { before: given, after: held } },
    { because: "the fence was declared before", before: fenced },
    { because: "no fence is declared", after: given },
  ];
  for (const { because, ...circumstances } of fine)
    it(`reports none if ${because}`, async () => assert.deepEqual(await aFence(circumstances), []));
});
