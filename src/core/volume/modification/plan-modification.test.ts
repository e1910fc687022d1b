import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { AzVolume, DiskModification, VolumeStatus } from "../../api/az-volume.ts";
import { aDetail, aDiskSpec, anObservedVolume, aVolume, diskUri } from "../../testing/objects.ts";
import { planDisk } from "../plan-disk.ts";
import { planModification, withoutModification } from "./plan-modification.ts";

const modification: DiskModification = { skuName: "StandardSSD_LRS", tags: { team: "storage" } };
type Outcome = VolumeStatus["modification"];
const error = { kind: "DiskInUse", message: "no", failure: "{}", time: "", retries: 0 };

function asked(generation: number, outcome?: NonNullable<Outcome>): AzVolume {
  return aVolume({
    metadata: { generation },
    spec: { modification },
    status: outcome === undefined ? {} : { modification: outcome },
  });
}

describe("planModification", () => {
  const rows: readonly { because: string; volume: AzVolume; plan: ReturnType<typeof planModification> }[] = [
    { because: "nothing is asked", volume: aVolume(), plan: undefined },
    {
      because: "a request is new",
      volume: asked(2),
      plan: { kind: "ModifyDisk", diskUri, change: modification },
    },
    {
      because: "the recorded outcome is an earlier request's",
      volume: asked(3, { requested: modification, observedGeneration: 2, error }),
      plan: { kind: "ModifyDisk", diskUri, change: modification },
    },
    {
      because: "the disk is as requested",
      volume: asked(2, { requested: modification, observedGeneration: 2 }),
      plan: { kind: "EndModification", diskUri, made: modification },
    },
    {
      because: "Azure has refused it",
      volume: asked(2, { requested: modification, observedGeneration: 2, error }),
      plan: { kind: "EndModification", diskUri, made: {} },
    },
  ];
  for (const { because, volume, plan } of rows)
    it(because, () => assert.deepEqual(planModification(volume, aDetail()), plan));

  it("comes before the growth of the disk, which is planned once it has ended", () => {
    const disk = aDiskSpec({ sizeGiB: 20 });
    const volume = aVolume({
      metadata: { generation: 2 },
      spec: { modification, disk },
      status: { detail: aDetail({ maxShares: 1 }) },
    });
    assert.equal(planDisk(anObservedVolume({ volume }))?.kind, "ModifyDisk");
    const ended = { ...volume, spec: withoutModification(volume.spec, undefined, {}) };
    assert.equal(planDisk(anObservedVolume({ volume: ended }))?.kind, "ResizeDisk");
  });
});

describe("withoutModification", () => {
  const tags = { "kubernetes.io-created-for-pvc-name": "data", team: "web", a: "b" };
  const network = { networkAccessPolicy: "DenyAll", publicNetworkAccess: "Disabled" } as const;
  const disk = aDiskSpec({ tags, skuName: "Premium_LRS", ...network });
  const spec = { ...aVolume().spec, disk, modification };
  const { modification: _, ...without } = spec;
  const shown = { skuName: "Premium_LRS", tags, ...network };

  it("shows what Azure has, also of a request that was replaced", () => {
    const converted = {
      skuName: "PremiumV2_LRS",
      tags: { team: "storage", other: "c" },
      diskIOPSReadWrite: 4000,
      diskMBpsReadWrite: 200,
      networkAccessPolicy: "AllowAll",
      publicNetworkAccess: "Enabled",
    };
    assert.deepEqual(withoutModification(spec, converted, {}), {
      ...without,
      disk: {
        ...disk,
        skuName: "PremiumV2_LRS",
        diskIOPSReadWrite: 4000,
        diskMBpsReadWrite: 200,
        networkAccessPolicy: "AllowAll",
        publicNetworkAccess: "Enabled",
        tags: { "kubernetes.io-created-for-pvc-name": "data", team: "storage", other: "c" },
      },
    });
  });

  it("shows what was made where the read is older", () => {
    const made = {
      diskIOPSReadWrite: 8000,
      networkAccessPolicy: "AllowAll",
      tags: { TEAM: "storage" },
    } as const;
    const v2 = { ...spec, disk: { ...disk, skuName: "PremiumV2_LRS", diskIOPSReadWrite: 3000 } };
    const older = { ...shown, skuName: "PremiumV2_LRS", diskIOPSReadWrite: 3000, diskMBpsReadWrite: 125 };
    assert.deepEqual(withoutModification(v2, older, made).disk, {
      ...v2.disk,
      diskIOPSReadWrite: 8000,
      diskMBpsReadWrite: 125,
      networkAccessPolicy: "AllowAll",
      tags: { ...tags, team: "storage" },
    });
  });

  it("states no network policy that neither the spec nor a class states", () => {
    const adopted = aDiskSpec({ tags });
    const unstated = { ...spec, disk: adopted };
    const open = { ...shown, networkAccessPolicy: "AllowAll", publicNetworkAccess: "Enabled" };
    assert.deepEqual(withoutModification(unstated, open, { tags: {} }).disk, adopted);
    const made = { publicNetworkAccess: "Disabled" } as const;
    assert.deepEqual(withoutModification(unstated, open, made).disk, { ...adopted, ...made });
  });

  it("takes no IOPS and MB/s of the earlier SKU from an older read", () => {
    const older = { ...shown, diskIOPSReadWrite: 120, diskMBpsReadWrite: 25 };
    const made = { skuName: "PremiumV2_LRS", diskMBpsReadWrite: 200 };
    assert.deepEqual(withoutModification(spec, older, made).disk, {
      ...disk,
      skuName: "PremiumV2_LRS",
      diskMBpsReadWrite: 200,
    });
  });

  for (const { because, change } of [
    { because: "a refused request", change: {} },
    { because: "IOPS that follow from the size", change: { diskIOPSReadWrite: 120, diskMBpsReadWrite: 25 } },
    { because: "the driver's own tags", change: { tags: { ...tags, "disk.csi.azure.com-uid": "1" } } },
    { because: "a policy that it does not know", change: { networkAccessPolicy: "AllowFriends" } },
  ])
    it(`leaves the disk as it was for ${because}`, () =>
      assert.deepEqual(withoutModification(spec, { ...shown, ...change }, {}), without));

  it("leaves the disk as it was where Azure has none", () =>
    assert.deepEqual(withoutModification(spec, undefined, modification), without));
});
