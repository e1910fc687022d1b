import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { it } from "node:test";
import { waitUntil } from "../../demo/wait-until.ts";
import type { CreateVolumeResponse } from "../../src/csi/gen/csi/v1/csi.ts";
import { failsWith, outcomeOf } from "./csi-failure.ts";
import { setIdentities } from "./emulator-admin.ts";
import { createRequest } from "./requests.ts";
import { withLab } from "./with-lab.ts";

const TENANT = "11111111-0000-0000-0000-000000000001";
const CLIENT = "22222222-0000-0000-0000-000000000002";
const WAIT_MAX_MS = 300_000;
const EXPIRED = "33333333-0000-0000-0000-000000000003";

it("a refused sign-in names the field, and works once that is corrected", async (t) => {
  await withLab(t, { vms: [{ name: "node-a", zone: "1" }] }, async ({ lab }) => {
    const file = join(lab.directory, "azure.json");
    const original = JSON.parse(await readFile(file, "utf8")) as object;
    const right = { tenantId: TENANT, aadClientId: CLIENT, aadClientSecret: "new" };
    const set = (changed: Partial<typeof right>): Promise<void> =>
      writeFile(file, JSON.stringify({ ...original, ...right, ...changed }));
    const create = (name: string): Promise<CreateVolumeResponse> =>
      lab.controller.createVolume(createRequest({ name: name.toLowerCase().replaceAll("_", "-") }));

    await setIdentities(lab, {
      tenants: [TENANT],
      clients: {
        [CLIENT]: { tenant: TENANT, secret: "new" },
        [EXPIRED]: { tenant: TENANT, secret: "new", expired: true },
      },
    });
    await set({ tenantId: "11111111-0000-0000-0000-00000000000f" });
    // A new process has no token of before; it is the only one in this test.
    await lab.processes.get("controller")?.restart();
    const controllerOf = (): unknown => lab.processes.get("controller")?.child;
    const controller = controllerOf();
    const rows = [
      // The SDK looks the tenant up at a private authority, and drops Azure's sentence.
      ["endpoints_resolution_error", "tenantId is no tenant", undefined],
      ["AADSTS700016", "aadClientId is no application", { aadClientId: EXPIRED.replaceAll("3", "4") }],
      ["AADSTS7000215", "aadClientSecret in azure.json is not the value", { aadClientSecret: "old" }],
      ["AADSTS7000222", "aadClientSecret in azure.json has expired", { aadClientId: EXPIRED }],
    ] as const;
    for (const [code, says, changed] of rows) {
      if (changed !== undefined) await set(changed);
      await failsWith(create(code), "PERMISSION_DENIED", code, says);
      assert.deepEqual(await lab.emulator.disks(), [], "nothing was changed");
    }
    await set({});
    for (const [code] of rows) {
      // The driver may still be removing what the failed call had begun.
      const volumeId = await waitUntil(`a volume after ${code}`, WAIT_MAX_MS, async () => {
        let made: string | undefined;
        const call = create(code).then(({ volume }) => (made = volume?.volumeId));
        const { code: status, message } = await outcomeOf(call);
        assert.ok(["OK", "ABORTED", "UNAVAILABLE"].includes(status), message);
        return made;
      });
      await lab.controller.deleteVolume({ volumeId, secrets: {} });
    }
    assert.equal(controllerOf(), controller, "the controller was not restarted");
    await setIdentities(lab, { tenants: [], clients: {} });
  });
});
