import assert from "node:assert/strict";
import type { TestContext } from "node:test";
import type { Spec } from "./ginkgo-report.ts";

/** Of 103 specs; the others belong to capabilities that the driver does not advertise. */
const RUN_MIN = 70;

/**
 * The message of a spec that skips itself because a capability is not advertised; any other skip is a
 * defect.
 */
const UNADVERTISED = [
  /^GetSnapshot not supported/u,
  /^GroupControllerService not supported/u,
  /^GetCapacity not supported/u,
  /^(ControllerGetVolumeHealth|ControllerListVolumeHealth|NodeGetStorageHealth) not supported/u,
  /^ControllerPublishVolume\.readonly field not supported/u,
  /^SNAPSHOT_ACCESSIBILITY_CONSTRAINTS not supported/u,
  /^testnodevolumeattachlimit not enabled/u,
];

/** A test for each spec that ran, and one that only specs of unadvertised capabilities were skipped. */
export async function checkSpecs(t: TestContext, specs: readonly Spec[]): Promise<void> {
  const ran = specs.filter(({ state }) => state !== "skipped" && state !== "pending");
  for (const { name, state, message } of ran)
    await t.test(name, () => assert.equal(state, "passed", message));
  await t.test("runs the expected specs", () => {
    assert.ok(ran.length >= RUN_MIN, `only ${ran.length} of ${specs.length} specs ran`);
  });
  await t.test("skips only specs of capabilities that are not advertised", () => {
    const skipped = specs.filter(({ state }) => state === "skipped");
    for (const { name, message } of skipped) t.diagnostic(`not advertised: ${name}: ${message}`);
    assert.deepEqual(
      skipped.filter(({ message }) => !UNADVERTISED.some((reason) => reason.test(message))),
      [],
    );
  });
}
