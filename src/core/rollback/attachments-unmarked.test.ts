import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { AzVolume } from "../api/az-volume.ts";
import { aDetail, aVolume } from "../testing/objects.ts";
import { isUnmarked, withoutUnmarked, withUnmarked } from "./attachments-unmarked.ts";

const volume = aVolume({ status: { detail: aDetail({}) } });

function kept(present: AzVolume, incarnation: number, because = "refused"): AzVolume {
  return (
    withUnmarked(present, { because, incarnation, nowMs: incarnation * 1_000 }) ?? assert.fail("no change")
  );
}

describe("a volume that is kept from its nodes", () => {
  it("says why, and since when", () => {
    const first = kept(volume, 2);
    assert.equal(isUnmarked(volume), false);
    assert.equal(isUnmarked(first), true);
    assert.equal(withUnmarked(first, { because: "refused", incarnation: 2, nowMs: 9_000 }), undefined);
    const [before] = first.status?.conditions.slice(-1) ?? [];
    const [after] = kept(first, 2, "a bug").status?.conditions.slice(-1) ?? [];
    assert.match(after?.message ?? "", /store incarnation 2: a bug$/u);
    assert.equal(after?.lastTransitionTime, before?.lastTransitionTime);
  });

  it("is given back to them by what was read before its attachments were marked", () => {
    const first = kept(volume, 2);
    assert.deepEqual(withoutUnmarked(first, first), volume);
    assert.equal(withoutUnmarked(volume, first), undefined);
  });

  it("is not given back by a leader that has not seen the last rebuild", () => {
    const first = kept(volume, 2);
    assert.equal(withoutUnmarked(kept(first, 3), first), undefined);
    assert.equal(withoutUnmarked(first, volume), undefined);
  });
});
