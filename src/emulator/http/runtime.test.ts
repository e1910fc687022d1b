import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { textAt } from "../model/api/json.ts";
import { createComputeModel } from "../model/compute-model.ts";
import type { DataPlane, DataPlaneEffect } from "../model/data-plane-port.ts";
import { createRuntime } from "./runtime.ts";

/** A data plane that records requests and fails those of one kind. */
function aDataPlane(fails: DataPlaneEffect["kind"] | undefined): DataPlane & { readonly asked: string[] } {
  const asked: string[] = [];
  const act = (kind: DataPlaneEffect["kind"]) => async (): Promise<void> => {
    asked.push(kind);
    if (kind === fails) throw new Error(`${kind} failed: no space left`);
  };
  return {
    asked,
    diskCreated: act("diskCreated"),
    diskResized: act("diskResized"),
    diskDeleted: act("diskDeleted"),
    diskCopied: act("diskCopied"),
    diskAttached: act("diskAttached"),
    diskDetached: act("diskDetached"),
    vmStopped: act("vmStopped"),
    vmStarted: act("vmStarted"),
  };
}

async function createDisk(fails: DataPlaneEffect["kind"] | undefined): Promise<{
  state: string | undefined;
  code: string | undefined;
  asked: readonly string[];
  failures: readonly string[];
}> {
  const clock = { nowMs: () => 1000 };
  const dataPlane = aDataPlane(fails);
  const failures: string[] = [];
  const model = createComputeModel({
    clock,
    hasDataPlane: true,
    settings: { timeScale: 0, createResourceGroups: true },
  });
  const runtime = createRuntime({
    model,
    clock,
    carriers: { dataPlane, guests: undefined },
    onDeviceFailure: (failure) => failures.push(failure),
  });
  const group = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg";
  const path = `${group}/providers/Microsoft.Compute/disks/pvc-1`;
  const query = { "api-version": "2025-01-02" };
  const body = { location: "eastus", properties: { creationData: { createOption: "Empty" }, diskSizeGB: 8 } };
  const created = model.handle({ method: "PUT", path, query, body });
  runtime.poke();
  await runtime.close();
  const status = model.handle({
    method: "GET",
    path: new URL(created.headers["azure-asyncoperation"] ?? "").pathname,
    query,
  }).body;
  return {
    state: textAt(status, "status"),
    code: textAt(status, "error", "code"),
    asked: dataPlane.asked,
    failures,
  };
}

describe("the runtime", () => {
  it("ends an operation once its device work is done", async () => {
    assert.deepEqual(await createDisk(undefined), {
      state: "Succeeded",
      code: undefined,
      asked: ["diskCreated"],
      failures: [],
    });
  });

  it("fails an operation whose device work fails, with the reason", async () => {
    assert.deepEqual(await createDisk("diskCreated"), {
      state: "Failed",
      code: "InternalExecutionError",
      asked: ["diskCreated"],
      failures: ["diskCreated failed: no space left"],
    });
  });
});
