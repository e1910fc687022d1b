import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { withControllerPorts } from "../controller/testing/a-controller.ts";
import { foreignVolumeObjectName } from "../core/api/object-names.ts";
import { fail } from "../core/failure/result.ts";
import { aVolume, diskUri } from "../core/testing/objects.ts";
import { readVolume } from "./read-volume.ts";

const never = new AbortController().signal;

describe("readVolume", () => {
  it("finds a volume recreated under its other name before the cache shows it", () =>
    withControllerPorts(async (world) => {
      await world.given("AzVolume", aVolume({ metadata: { finalizers: [] } }));
      world.store.holdWatches(true);
      assert.ok((await world.other.delete("AzVolume", "pvc-1", {}, never)).ok);
      const name = foreignVolumeObjectName(diskUri);
      assert.ok(
        (
          await world.other.create(
            "AzVolume",
            { metadata: { name }, spec: aVolume({ spec: { diskUri } }).spec },
            never,
          )
        ).ok,
      );
      const found = await readVolume(world.ports, diskUri, never);
      assert.equal(found.ok && found.value.metadata.name, name);
    }));

  it("finds nothing where there is nothing, and no volume of another disk", () =>
    withControllerPorts(async (world) => {
      await world.given("AzVolume", aVolume());
      const volumeId = diskUri.replace("rg-1", "rg-2");
      assert.deepEqual(
        await readVolume(world.ports, volumeId, never),
        fail({ kind: "VolumeNotFound", volumeId }),
      );
    }));
});
