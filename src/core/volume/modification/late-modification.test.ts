import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { AzVolume, DiskModification } from "../../api/az-volume.ts";
import { LATE_REQUEST_MS } from "../../azure/late-request.ts";
import { toTimestamp } from "../../primitives/timestamp.ts";
import { aDetail, aDiskSpec, anObservedVolume, aVolume } from "../../testing/objects.ts";
import { planDisk } from "../plan-disk.ts";
import { type DecidingDisk, recentlyMade, repeatedModification } from "./late-modification.ts";

const ENDED_MS = 1_000_000;
const requested: DiskModification = { networkAccessPolicy: "DenyAll", tags: { tier: "old" } };
const listed: DecidingDisk = {
  ...aDetail(),
  burstingEnabled: false,
  tags: { Tier: "old", team: "storage" },
  networkAccessPolicy: "DenyAll",
};
const late: DecidingDisk = { ...listed, networkAccessPolicy: "AllowAll" };
const error = { kind: "DiskInUse", message: "no", failure: "{}", time: "", retries: 0 };

const recent = { made: requested, endTime: toTimestamp(ENDED_MS), storeIncarnation: 1 };

function modified(changes: Parameters<typeof aVolume>[0] = {}): AzVolume {
  const { spec, status, ...others } = changes;
  return aVolume({
    ...others,
    spec: { disk: aDiskSpec({ networkAccessPolicy: "DenyAll", tags: { ...listed.tags } }), ...spec },
    status: {
      modification: { requested, observedGeneration: 2 },
      recentModification: recent,
      ...status,
    },
  });
}

describe("repeatedModification", () => {
  const ultra: DecidingDisk = { ...listed, skuName: "UltraSSD_LRS", sizeGiB: 65_536 };
  const slow: DiskModification = { diskIOPSReadWrite: 500, diskMBpsReadWrite: 100 };
  const raised: DiskModification = { diskMBpsReadWrite: 256 };
  const now = { nowMs: ENDED_MS + 1, isOfThisStore: true };
  const outcome = modified().status?.modification;
  assert.ok(outcome !== undefined);
  const rows: readonly {
    readonly because: string;
    readonly volume?: AzVolume;
    readonly disk: DecidingDisk;
    readonly at?: Partial<typeof now>;
    readonly repeated: DiskModification | undefined;
  }[] = [
    { because: "the disk is as modified, its tags in other case", disk: listed, repeated: undefined },
    { because: "an earlier request has landed since", disk: late, repeated: requested },
    {
      because: "a tag of it was replaced since",
      disk: { ...listed, tags: { tier: "new" } },
      repeated: requested,
    },
    {
      because: "it differs only later: the spec follows the disk",
      disk: late,
      at: { nowMs: ENDED_MS + LATE_REQUEST_MS },
      repeated: {},
    },
    {
      because: "the outcome was restored from a backup: the spec follows the disk",
      disk: late,
      at: { isOfThisStore: false },
      repeated: {},
    },
    {
      because: "what was made is forgotten: the spec follows the disk",
      volume: modified({ status: { recentModification: undefined } }),
      disk: late,
      repeated: {},
    },
    {
      because: "a person has edited the time: the spec follows the disk",
      volume: modified({ status: { recentModification: { ...recent, endTime: "yesterday" } } }),
      disk: late,
      repeated: {},
    },
    {
      because: "what it did not ask for differs: the spec follows the disk",
      disk: { ...listed, skuName: "StandardSSD_LRS" },
      repeated: {},
    },
    ...(
      [
        ["growth has raised its IOPS and throughput since: the spec follows the disk", 65_536, 256, {}],
        ["an earlier request has landed since a growth", 1000, 256, { ...raised, diskIOPSReadWrite: 65_536 }],
      ] as const
    ).map(([because, iops, mbps, repeated]) => ({
      because,
      volume: modified({ status: { recentModification: { ...recent, made: slow } } }),
      disk: { ...ultra, diskIOPSReadWrite: iops, diskMBpsReadWrite: mbps },
      repeated,
    })),
    {
      because: "another request is under way",
      volume: modified({ spec: { modification: {} } }),
      disk: late,
      repeated: undefined,
    },
    {
      because: "Azure has refused a later one, and an earlier request has landed since",
      volume: modified({ status: { modification: { ...outcome, requested: {}, error } } }),
      disk: late,
      repeated: requested,
    },
    {
      because: "Azure has refused it",
      volume: modified({
        status: { modification: { ...outcome, error }, recentModification: undefined },
      }),
      disk: late,
      repeated: undefined,
    },
    { because: "the volume was never modified", volume: aVolume(), disk: late, repeated: undefined },
    ...(
      [
        ["the object was made again, and states its old policy", {}, late, {}],
        ["the object was made again, and states an old tag", {}, { ...listed, tags: { tier: "new" } }, {}],
        ["the object was made again, and is as the disk, its tags in other case", {}, listed, undefined],
        [
          "another client has changed a disk that was made for the object",
          { isMadeForObject: true },
          late,
          undefined,
        ],
      ] as const
    ).map(([because, known, disk, repeated]) => ({
      because,
      volume: aVolume({
        spec: {
          disk: aDiskSpec({
            networkAccessPolicy: "DenyAll",
            tags: { tier: "old", "k8s-azure-created-by": "us" },
          }),
        },
        status: { detail: { ...aDetail({ burstingEnabled: false }), ...known } },
      }),
      disk,
      repeated,
    })),
    {
      because: "another client has given a disk that was never modified another SKU",
      volume: aVolume({ status: { detail: aDetail() } }),
      disk: { ...late, skuName: "PremiumV2_LRS", maxShares: 3 },
      repeated: {},
    },
    {
      because: "another client has given it another SKU, and Azure has refused the last modification",
      volume: modified({
        status: {
          detail: aDetail(),
          modification: { ...outcome, error },
          recentModification: undefined,
        },
      }),
      disk: { ...listed, skuName: "StandardSSD_LRS" },
      repeated: {},
    },
    {
      because: "another client has let fewer VMs share it",
      volume: aVolume({ status: { detail: aDetail() } }),
      disk: { ...late, maxShares: 1 },
      repeated: {},
    },
    ...(
      [
        ["another client has ended its bursting", true, { burstingEnabled: true }, false, {}],
        ["its bursting has ended, which was not read before", true, {}, false, {}],
        ["another client has let a disk burst that was adopted", undefined, {}, true, {}],
        ["its bursting ended before", true, { burstingEnabled: false }, false, undefined],
        ["it bursts as it was made, which was not read before", true, {}, true, undefined],
      ] as const
    ).map(([because, asked, known, burstingEnabled, repeated]) => ({
      because,
      volume: aVolume({
        spec: { disk: aDiskSpec(asked === undefined ? {} : { burstingEnabled: asked }) },
        status: { detail: aDetail(known) },
      }),
      disk: { ...late, maxShares: 3, burstingEnabled },
      repeated,
    })),
    {
      because: "another client has made it again in another zone",
      volume: aVolume({ status: { detail: aDetail() } }),
      disk: { ...late, location: "eastus", zones: ["2"] },
      repeated: {},
    },
    {
      because: "Azure spells SKU and region in another way",
      volume: aVolume({ status: { detail: aDetail() } }),
      disk: { ...late, skuName: "premium_lrs", maxShares: 3, location: "East US", zones: ["1"] },
      repeated: undefined,
    },
    {
      because: "the volume is being deleted",
      volume: modified({ metadata: { deletionTimestamp: toTimestamp(ENDED_MS) } }),
      disk: late,
      repeated: undefined,
    },
    {
      because: "its deletion is asked for",
      volume: modified({ spec: { deleteRequested: true } }),
      disk: late,
      repeated: undefined,
    },
  ];
  for (const { because, volume = modified(), disk, at, repeated } of rows)
    it(because, () => assert.deepEqual(repeatedModification(volume, disk, { ...now, ...at }), repeated));
});

describe("recentlyMade", () => {
  const LOOKED_MS = ENDED_MS + LATE_REQUEST_MS - 1;
  const at = { nowMs: ENDED_MS + 1_000, storeIncarnation: 1 };
  const later = { endTime: toTimestamp(at.nowMs), storeIncarnation: 1 };
  const rows: readonly {
    readonly because: string;
    readonly before?: Parameters<typeof recentlyMade>[0];
    readonly made: DiskModification;
    readonly isMade?: boolean;
    readonly at?: Partial<typeof at>;
    readonly expected: object | undefined;
  }[] = [
    {
      because: "nothing was made before",
      before: undefined,
      made: requested,
      expected: { ...later, made: requested },
    },
    { because: "the same was made again: its first end counts", made: requested, expected: recent },
    { because: "only the spec followed the disk", made: {}, expected: recent },
    {
      because: "only the spec followed, and nothing was made",
      before: undefined,
      made: {},
      expected: undefined,
    },
    {
      because: "something else was made",
      made: { skuName: "PremiumV2_LRS", diskIOPSReadWrite: 4000, tags: { TIER: "new" } },
      expected: {
        ...later,
        made: {
          networkAccessPolicy: "DenyAll",
          skuName: "PremiumV2_LRS",
          diskIOPSReadWrite: 4000,
          tags: { tier: "new" },
        },
      },
    },
    {
      because: "another SKU was made, which has no such IOPS",
      before: { ...recent, made: { skuName: "PremiumV2_LRS", diskIOPSReadWrite: 4000 } },
      made: { skuName: "Premium_LRS" },
      expected: { ...later, made: { skuName: "Premium_LRS" } },
    },
    {
      because: "the same was made again at the last look: its time is over",
      made: requested,
      at: { nowMs: LOOKED_MS },
      expected: undefined,
    },
    {
      because: "the same was made again, long after it was asked for at the last look",
      made: requested,
      at: { nowMs: ENDED_MS + 10 * LATE_REQUEST_MS },
      expected: undefined,
    },
    { because: "the last look had the spec follow", made: {}, at: { nowMs: LOOKED_MS }, expected: undefined },
    {
      because: "something else was refused",
      made: { skuName: "Premium_LRS" },
      isMade: false,
      expected: recent,
    },
    {
      because: "the same was refused, and will be asked for again",
      made: requested,
      isMade: false,
      expected: recent,
    },
    {
      because: "the same was refused at the last look: its time is over",
      made: requested,
      isMade: false,
      at: { nowMs: LOOKED_MS },
      expected: undefined,
    },
    {
      because: "something else was refused before the last look, which is due",
      made: { skuName: "Premium_LRS" },
      isMade: false,
      at: { nowMs: LOOKED_MS },
      expected: recent,
    },
    {
      because: "what was made before was long ago",
      made: { skuName: "Premium_LRS" },
      at: { nowMs: ENDED_MS + LATE_REQUEST_MS },
      expected: {
        made: { skuName: "Premium_LRS" },
        endTime: toTimestamp(ENDED_MS + LATE_REQUEST_MS),
        storeIncarnation: 1,
      },
    },
    {
      because: "what was made before came with a backup",
      made: { skuName: "Premium_LRS" },
      at: { storeIncarnation: 2 },
      expected: { made: { skuName: "Premium_LRS" }, endTime: later.endTime, storeIncarnation: 2 },
    },
  ];
  for (const { because, made, isMade = true, expected, at: other, ...row } of rows)
    it(because, () => {
      const before = "before" in row ? row.before : recent;
      assert.deepEqual(recentlyMade(before, { requested: made, isMade }, { ...at, ...other }), expected);
    });
});

describe("the last look at a modified disk", () => {
  const detail = aDetail();
  const look = { kind: "LookForLateRequest", diskUri: detail.diskUri };
  for (const { because, volume = modified(), nowMs, plan } of [
    { because: "nothing was made lately", volume: aVolume(), nowMs: ENDED_MS, plan: undefined },
    {
      because: "its time has not come",
      nowMs: ENDED_MS + 140_000,
      plan: { kind: "Requeue", afterMs: 1_000_000 },
    },
    { because: "its time has come", nowMs: ENDED_MS + 1_140_000, plan: look },
    { because: "the clock was set back by hours", nowMs: 0, plan: look },
  ])
    it(`decides where ${because}`, () =>
      assert.deepEqual(planDisk(anObservedVolume({ volume, nowMs })), plan));
});
