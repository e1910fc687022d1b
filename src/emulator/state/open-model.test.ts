import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { listAt, textAt } from "../model/api/json.ts";
import type { ModelSettings } from "../model/settings.ts";
import { diskBody, START_MS } from "../model/testing/model-fixture.ts";
import { openModel } from "./open-model.ts";

const folder = mkdtempSync(join(tmpdir(), "emulator-model-"));
after(() => rmSync(folder, { recursive: true }));

const vm = { subscriptionId: "sub-1", resourceGroup: "rg", location: "eastus", name: "node-a" };
const OF_SUBSCRIPTION = "/subscriptions/sub-1/providers/Microsoft.Compute/disks";
const DISK = "/subscriptions/sub-1/resourceGroups/rg/providers/Microsoft.Compute/disks/d";

/** The resource group in the list of a subscription's disks, with the state in this folder. */
async function groupListed(
  stateFolder: string,
  settings: Partial<ModelSettings> = {},
): Promise<string | undefined> {
  const options = { stateFolder, virtualMachines: [vm], settings: { osDisks: false, ...settings } };
  const { model, close } = await openModel(options, { nowMs: () => START_MS });
  try {
    const query = { "api-version": "2025-01-02" };
    model.handle({ method: "PUT", path: DISK, query, body: diskBody() });
    const { body } = model.handle({ method: "GET", path: OF_SUBSCRIPTION, query });
    return textAt(listAt(body, "value")?.[0], "id")?.split("/")[4];
  } finally {
    close();
  }
}

describe("a state", () => {
  it("keeps a default of the version that has begun it, unless a run states another", async () => {
    const stateFolder = join(folder, "older");
    assert.equal(await groupListed(stateFolder), "RG");
    const file = join(stateFolder, "state.jsonl");
    const [header = ""] = readFileSync(file, "utf8").split("\n");
    const older = header.replace(/("upperCaseGroupInSubscriptionLists"):true/u, "$1:false");
    assert.notEqual(older, header);
    writeFileSync(file, `${older}\n`);
    assert.equal(await groupListed(stateFolder), "rg");
    assert.equal(await groupListed(stateFolder), "rg", "also in the runs after it");
    const another = groupListed(stateFolder, { upperCaseGroupInSubscriptionLists: true });
    await assert.rejects(another, /was begun with other values of settings/u);
  });
});
