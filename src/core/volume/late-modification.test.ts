import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { AzVolume, DiskModification } from "../api/az-volume.ts";
import { toTimestamp } from "../primitives/timestamp.ts";
import { aDiskSpec, aVolume } from "../testing/objects.ts";
import { LATE_REQUEST_MS, repeatedModification } from "./late-modification.ts";
import type { ModifiableDisk } from "./plan-modification.ts";

const ENDED_MS = 1_000_000;
const requested: DiskModification = { networkAccessPolicy: "DenyAll", tags: { tier: "old" } };
const listed: ModifiableDisk = {
  skuName: "Premium_LRS",
  tags: { Tier: "old", team: "storage" },
  networkAccessPolicy: "DenyAll",
};
const late: ModifiableDisk = { ...listed, networkAccessPolicy: "AllowAll" };
const error = { kind: "DiskInUse", message: "no", failure: "{}", time: "", retries: 0 };

function modified(changes: Parameters<typeof aVolume>[0] = {}): AzVolume {
  const { spec, status, ...others } = changes;
  return aVolume({
    ...others,
    spec: { disk: aDiskSpec({ networkAccessPolicy: "DenyAll", tags: { ...listed.tags } }), ...spec },
    status: {
      modification: {
        requested,
        observedGeneration: 2,
        endTime: toTimestamp(ENDED_MS),
        storeIncarnation: 1,
      },
      ...status,
    },
  });
}

describe("repeatedModification", () => {
  const now = { nowMs: ENDED_MS + 1, isOfThisStore: true };
  const outcome = modified().status?.modification;
  assert.ok(outcome !== undefined);
  const rows: readonly {
    readonly because: string;
    readonly volume?: AzVolume;
    readonly disk: ModifiableDisk;
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
    ...[undefined, "yesterday"].map((endTime) => ({
      because: `its end is ${endTime ?? "not recorded, by an earlier version"}: the spec follows the disk`,
      volume: modified({ status: { modification: { ...outcome, endTime } } }),
      disk: late,
      repeated: {},
    })),
    {
      because: "what it did not ask for differs: the spec follows the disk",
      disk: { ...listed, skuName: "StandardSSD_LRS" },
      repeated: {},
    },
    {
      because: "another request is under way",
      volume: modified({ spec: { modification: {} } }),
      disk: late,
      repeated: undefined,
    },
    {
      because: "Azure has refused it",
      volume: modified({ status: { modification: { ...outcome, error } } }),
      disk: late,
      repeated: undefined,
    },
    { because: "the volume was never modified", volume: aVolume(), disk: late, repeated: undefined },
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
