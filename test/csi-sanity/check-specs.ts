import assert from "node:assert/strict";
import type { TestContext } from "node:test";
import type { Spec } from "./ginkgo-report.ts";

/** What of a run of specs is right. */
export interface ExpectedSpecs {
  /** Fewer that ran are a defect: specs don't disappear in silence. */
  readonly ranMin: number;
  /** The messages with which a spec may skip itself; any other skip is a defect. */
  readonly skips: readonly RegExp[];
}

/** Of 103 specs of csi-sanity; the others belong to capabilities that the driver does not advertise. */
export const SANITY_SPECS: ExpectedSpecs = {
  ranMin: 70,
  skips: [
    /^GetSnapshot not supported/u,
    /^GroupControllerService not supported/u,
    /^GetCapacity not supported/u,
    /^(ControllerGetVolumeHealth|ControllerListVolumeHealth|NodeGetStorageHealth) not supported/u,
    /^ControllerPublishVolume\.readonly field not supported/u,
    /^SNAPSHOT_ACCESSIBILITY_CONSTRAINTS not supported/u,
    /^testnodevolumeattachlimit not enabled/u,
  ],
};

/** A test for each spec that ran, one that enough did, and one that only expected ones skipped themselves. */
export async function checkSpecs(
  t: TestContext,
  specs: readonly Spec[],
  { ranMin, skips }: ExpectedSpecs,
): Promise<void> {
  const ran = specs.filter(({ state }) => state !== "skipped" && state !== "pending");
  for (const { name, state, message } of ran)
    await t.test(name, () => assert.equal(state, "passed", message));
  await t.test("runs the expected specs", () => {
    assert.ok(ran.length >= ranMin, `only ${ran.length} of ${specs.length} specs ran`);
  });
  await t.test("skips only specs that it may", () => {
    const skipped = specs.filter(({ state }) => state === "skipped");
    for (const { name, message } of skipped) t.diagnostic(`skipped: ${name}: ${message}`);
    assert.deepEqual(
      skipped.filter(({ message }) => !skips.some((reason) => reason.test(message))),
      [],
    );
  });
}
