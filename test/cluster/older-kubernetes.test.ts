import assert from "node:assert/strict";
import { it } from "node:test";
import { reasonAgainstKubernetes } from "./older-kubernetes.ts";

it("tests of what an older Kubernetes lacks say so, and run from that version on", () => {
  assert.equal(
    reasonAgainstKubernetes("1.34", "VolumeAttributesClasses", "1.32"),
    "Kubernetes 1.32 has no VolumeAttributesClasses: 1.34 and newer have",
  );
  for (const has of ["1.34", "1.35", undefined])
    assert.equal(reasonAgainstKubernetes("1.34", "VolumeAttributesClasses", has), undefined);
});
