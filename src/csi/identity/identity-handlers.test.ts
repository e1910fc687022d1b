import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { ok } from "../../core/failure/result.ts";
import { aCall } from "../testing/a-call.ts";
import type { Identity } from "./identity-handlers.ts";
import { identityHandlers } from "./identity-handlers.ts";

function handlersOf(overrides: Partial<Identity> = {}): ReturnType<typeof identityHandlers> {
  return identityHandlers({
    driverName: "disk.csi.azure.com",
    version: "1.2.3",
    isReady: () => true,
    ...overrides,
  });
}

describe("identityHandlers", () => {
  it("answer the driver's name and version", async () => {
    assert.deepEqual(
      await handlersOf().getPluginInfo?.({}, aCall()),
      ok({ name: "disk.csi.azure.com", vendorVersion: "1.2.3", manifest: {} }),
    );
  });

  it("answer the capabilities of the driver as a whole", async () => {
    const answer = await handlersOf().getPluginCapabilities?.({}, aCall());
    const names = answer?.ok === true ? answer.value.capabilities.map(({ type }) => type?.value.type) : [];
    assert.deepEqual(names, ["CONTROLLER_SERVICE", "VOLUME_ACCESSIBILITY_CONSTRAINTS", "ONLINE"]);
  });

  for (const ready of [true, false])
    it(`answer a probe with ready: ${ready}`, async () => {
      assert.deepEqual(await handlersOf({ isReady: () => ready }).probe?.({}, aCall()), ok({ ready }));
    });
});
