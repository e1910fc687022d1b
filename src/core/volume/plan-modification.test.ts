import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { AzVolume, DiskModification } from "../api/az-volume.ts";
import { aDetail, aDiskSpec, anObservedVolume, aVolume, diskUri } from "../testing/objects.ts";
import { planDisk } from "./plan-disk.ts";
import { planModification, withoutModification } from "./plan-modification.ts";

const modification: DiskModification = { skuName: "StandardSSD_LRS", tags: { team: "storage" } };
type Outcome = NonNullable<AzVolume["status"]>["modification"];
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
      plan: { kind: "EndModification", isMade: true },
    },
    {
      because: "Azure has refused it",
      volume: asked(2, { requested: modification, observedGeneration: 2, error }),
      plan: { kind: "EndModification", isMade: false },
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
    const ended = { ...volume, spec: withoutModification(volume.spec, false) };
    assert.equal(planDisk(anObservedVolume({ volume: ended }))?.kind, "ResizeDisk");
  });
});

describe("withoutModification", () => {
  it("sets a tag of the spec whose name is spelled in another case", () => {
    const spec = aVolume({
      spec: { modification: { tags: { team: "b" } }, disk: aDiskSpec({ tags: { Team: "a" } }) },
    }).spec;
    assert.deepEqual(withoutModification(spec, true).disk.tags, { Team: "b" });
  });

  const spec = { ...aVolume().spec, disk: aDiskSpec({ tags: { team: "web", a: "b" } }), modification };
  const { modification: _, ...without } = spec;

  it("moves what Azure has made into the disk, and keeps other tags", () =>
    assert.deepEqual(withoutModification(spec, true), {
      ...without,
      disk: { ...spec.disk, skuName: "StandardSSD_LRS", tags: { team: "storage", a: "b" } },
    }));

  it("leaves the disk as it was where Azure has refused it", () =>
    assert.deepEqual(withoutModification(spec, false), without));
});
