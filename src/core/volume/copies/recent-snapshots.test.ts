import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { AzVolume } from "../../api/az-volume.ts";
import { RECENT_SNAPSHOTS_MAX } from "../../api/schema/az-volume.schema.ts";
import { LATE_REQUEST_MS } from "../../azure/late-request.ts";
import { fromTimestamp, toTimestamp } from "../../primitives/timestamp.ts";
import { aDetail, aDiskSpec, aVolume } from "../../testing/objects.ts";
import {
  mayCopySnapshots,
  type RecentSnapshot,
  recentSnapshotsOf,
  unseenSnapshot,
  withoutDeletedSnapshots,
  withoutRefusedSnapshot,
  withRecentSnapshot,
} from "./recent-snapshots.ts";

const NOW_MS = fromTimestamp("2026-11-28T12:00:00.000Z");

function recent(name: string, askedAtMs = NOW_MS): RecentSnapshot {
  return { snapshotUri: uriOf(name), time: toTimestamp(askedAtMs) };
}

function uriOf(name: string): string {
  return `/subscriptions/s/resourceGroups/rg/providers/Microsoft.Compute/snapshots/${name}`;
}

function having(...recentSnapshots: readonly RecentSnapshot[]): AzVolume {
  return aVolume({ spec: { recentSnapshots } });
}

const noted = (volume: AzVolume | undefined): AzVolume["spec"]["recentSnapshots"] | "unchanged" =>
  volume === undefined ? "unchanged" : volume.spec.recentSnapshots;

describe("the snapshots of a volume's disk are copied in the background", () => {
  const spec = { disk: aDiskSpec({ skuName: "PremiumV2_LRS" }) };
  for (const { because, volume, isCopied } of [
    {
      because: "if Azure shows such a SKU",
      volume: aVolume({ status: { detail: aDetail({ skuName: "UltraSSD_LRS" }) } }),
      isCopied: true,
    },
    {
      because: "if one is asked for, before its disk is shown",
      volume: { ...aVolume({ spec }), status: undefined } as unknown as AzVolume,
      isCopied: true,
    },
    {
      because: "unless Azure shows another one",
      volume: aVolume({ spec, status: { detail: aDetail({ skuName: "Premium_LRS" }) } }),
      isCopied: false,
    },
    {
      because: "once a modification asks for one: Azure may have made it already",
      volume: aVolume({
        spec: { modification: { skuName: "PremiumV2_LRS" } },
        status: { detail: aDetail({ skuName: "Premium_LRS" }) },
      }),
      isCopied: true,
    },
    {
      because: "not for any other modification",
      volume: aVolume({
        spec: { modification: { tags: { team: "a" } } },
        status: { detail: aDetail({ skuName: "Premium_LRS" }) },
      }),
      isCopied: false,
    },
  ])
    it(because, () => assert.equal(mayCopySnapshots(volume), isCopied));
});

describe("recentSnapshotsOf", () => {
  for (const { because, time, isRecent } of [
    {
      because: "counts a request that may still come",
      time: toTimestamp(NOW_MS - LATE_REQUEST_MS + 1),
      isRecent: true,
    },
    {
      because: "forgets one that would have come",
      time: toTimestamp(NOW_MS - LATE_REQUEST_MS),
      isRecent: false,
    },
    {
      because: "counts one by a controller whose clock is ahead",
      time: toTimestamp(NOW_MS + LATE_REQUEST_MS - 1),
      isRecent: true,
    },
    {
      because: "keeps no disk from growing by a time far ahead",
      time: toTimestamp(NOW_MS + LATE_REQUEST_MS),
      isRecent: false,
    },
    { because: "keeps no disk from growing by what is no time", time: "soon", isRecent: false },
  ])
    it(because, () => {
      const snapshot = { snapshotUri: uriOf("s"), time };
      assert.deepEqual(recentSnapshotsOf(having(snapshot), NOW_MS), isRecent ? [snapshot] : []);
    });
});

describe("withRecentSnapshot", () => {
  const note = (volume: AzVolume): ReturnType<typeof noted> =>
    noted(withRecentSnapshot(volume, { snapshotUri: uriOf("s"), nowMs: NOW_MS }));

  it("notes the snapshot last, once, and forgets those that are old", () => {
    const other = recent("other", NOW_MS - 1);
    const volume = having(recent("old", NOW_MS - LATE_REQUEST_MS), recent("S", NOW_MS - 2), other);
    assert.deepEqual(note(volume), [other, recent("s")]);
    assert.deepEqual(note(aVolume()), [recent("s")]);
  });

  it("notes no more than the object has room for, until one is old", () => {
    const others = Array.from({ length: RECENT_SNAPSHOTS_MAX - 1 }, (_, index) => recent(`other-${index}`));
    assert.deepEqual(note(having(...others)), [...others, recent("s")]);
    assert.equal(note(having(...others, recent("one-more"))), "unchanged");
    const old = recent("old", NOW_MS - LATE_REQUEST_MS);
    assert.deepEqual(note(having(old, ...others)), [...others, recent("s")]);
    assert.deepEqual(note(having(recent("s", NOW_MS - 1), ...others)), [...others, recent("s")]);
  });
});

describe("withoutRefusedSnapshot", () => {
  const other = recent("other");
  const earlier = recent("s", NOW_MS - 1);

  it("forgets a request that Azure has refused, and keeps an earlier one that may come", () => {
    const volume = having(recent("s"), other);
    assert.deepEqual(noted(withoutRefusedSnapshot(volume, recent("s"), undefined)), [other]);
    assert.deepEqual(noted(withoutRefusedSnapshot(volume, recent("s"), earlier)), [earlier, other]);
    assert.equal(noted(withoutRefusedSnapshot(having(recent("s")), recent("s"), undefined)), undefined);
  });

  it("leaves a later request of another controller", () => {
    assert.equal(withoutRefusedSnapshot(having(recent("s")), earlier, undefined), undefined);
    assert.equal(withoutRefusedSnapshot(aVolume(), earlier, undefined), undefined);
  });
});

describe("withoutDeletedSnapshots", () => {
  it("forgets a snapshot and its source, in any spelling", () => {
    const other = recent("other");
    const volume = having(recent("local_S"), other, recent("S"));
    assert.deepEqual(noted(withoutDeletedSnapshots(volume, [uriOf("s"), uriOf("local_s")])), [other]);
    assert.equal(withoutDeletedSnapshots(having(other), [uriOf("s")]), undefined);
    assert.equal(withoutDeletedSnapshots(aVolume(), [uriOf("s")]), undefined);
  });
});

describe("unseenSnapshot", () => {
  it("finds one that was asked for since a look, or asked for again", () => {
    const looked = recent("looked", NOW_MS - 1);
    assert.equal(unseenSnapshot(having(looked), having(looked), NOW_MS), undefined);
    assert.equal(unseenSnapshot(aVolume(), having(looked), NOW_MS), undefined);
    assert.deepEqual(unseenSnapshot(having(looked, recent("new")), having(looked), NOW_MS), recent("new"));
    assert.deepEqual(unseenSnapshot(having(recent("looked")), having(looked), NOW_MS), recent("looked"));
    assert.deepEqual(unseenSnapshot(having(looked), aVolume(), NOW_MS), looked);
    assert.equal(unseenSnapshot(having(looked), aVolume(), NOW_MS + LATE_REQUEST_MS), undefined);
  });
});
