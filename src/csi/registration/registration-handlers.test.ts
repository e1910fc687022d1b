import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { ok } from "../../core/failure/result.ts";
import { aCall } from "../testing/a-call.ts";
import { registrationHandlers } from "./registration-handlers.ts";

describe("registrationHandlers", () => {
  it("give kubelet the path of the CSI socket", async () => {
    const handlers = registrationHandlers({
      driverName: "disk.csi.azure.com",
      csiSocketPath: "/plugins/csi.sock",
      onOutcome: () => {},
    });
    assert.deepEqual(
      await handlers.getInfo?.({}, aCall()),
      ok({
        type: "CSIPlugin",
        name: "disk.csi.azure.com",
        endpoint: "/plugins/csi.sock",
        supportedVersions: ["1.0.0"],
      }),
    );
  });

  it("report the outcome of the registration", async () => {
    const outcomes: unknown[] = [];
    const handlers = registrationHandlers({
      driverName: "d",
      csiSocketPath: "/s",
      onOutcome: (outcome) => outcomes.push(outcome),
    });
    assert.deepEqual(
      await handlers.notifyRegistrationStatus?.({ pluginRegistered: false, error: "name taken" }, aCall()),
      ok({}),
    );
    assert.deepEqual(
      await handlers.notifyRegistrationStatus?.({ pluginRegistered: true, error: "" }, aCall()),
      ok({}),
    );
    assert.deepEqual(outcomes, [
      { registered: false, error: "name taken" },
      { registered: true, error: "" },
    ]);
  });
});
