import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { azVolumeSchema } from "./schema/az-volume.schema.ts";
import { specRules } from "./spec-rules.ts";

describe("rules on the spec of a volume", () => {
  it("name every field of its disk but those that change in place", () => {
    const fields = Object.keys(azVolumeSchema.shape.spec.shape.disk.shape);
    const named = specRules.AzVolume.map(({ field }) => field.replace("spec.disk.", ""));
    assert.deepEqual(fields.filter((field) => !named.includes(field)).toSorted(), ["sizeGiB", "tags"]);
  });
});
