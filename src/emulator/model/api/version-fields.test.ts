import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { aModel, codeOf, COMPUTE, diskBody, listBody, type ModelFixture } from "../testing/model-fixture.ts";
import { at, type Json, listAt, textAt } from "./json.ts";

const OLD_VM = "api-version=2023-07-01";
const NEW_VM = "api-version=2023-09-01";
const OLD_DISK = "api-version=2019-07-01";

/** A model whose VM node-a has the shared disk pvc-1. */
function furnished(): ModelFixture {
  const azure = aModel({ settings: { osDisks: false } });
  azure.finish("PUT", "disks/pvc-1", diskBody({ properties: { maxShares: 2 } }));
  azure.finish("PATCH", "virtualMachines/node-a", listBody({ 0: "pvc-1" }));
  return azure;
}

const DISK = { location: "eastus", sku: { name: "Standard_LRS" } };
const EMPTY = { creationData: { createOption: "Empty" }, diskSizeGB: 8 };
const POOL = {
  location: "eastus",
  sku: { name: "Standard_D8s_v5", capacity: 1 },
  properties: { virtualMachineProfile: { osProfile: { computerNamePrefix: "worker" }, userData: "aGk=" } },
};
const BYPASSING = { automaticByPlatformSettings: { bypassPlatformSafetyChecksOnUserSchedule: true } };
/** Members with the first version of Azure's description that has them, and the one before. */
const NEWER_MEMBERS: readonly {
  readonly path: string;
  readonly body?: Json;
  readonly member: readonly string[];
  readonly since: string;
  readonly before: string;
}[] = [
  {
    path: "disks/plain",
    body: { ...DISK, properties: EMPTY },
    member: ["properties", "encryption"],
    since: "2019-07-01",
    before: "2019-03-01",
  },
  {
    path: "disks/plain",
    body: { ...DISK, properties: EMPTY },
    member: ["properties", "publicNetworkAccess"],
    since: "2021-04-01",
    before: "2020-12-01",
  },
  {
    path: "disks/trusted",
    body: { ...DISK, properties: { ...EMPTY, securityProfile: { securityType: "TrustedLaunch" } } },
    member: ["properties", "securityProfile"],
    since: "2020-12-01",
    before: "2020-09-30",
  },
  {
    path: "virtualMachines/node-a",
    member: ["properties", "instanceView", "hyperVGeneration"],
    since: "2019-03-01",
    before: "2018-10-01",
  },
  {
    path: "virtualMachineScaleSets/pool",
    body: POOL,
    member: ["properties", "timeCreated"],
    since: "2021-11-01",
    before: "2021-07-01",
  },
  {
    path: "virtualMachineScaleSets/pool",
    body: POOL,
    member: ["properties", "orchestrationMode"],
    since: "2020-12-01",
    before: "2020-06-01",
  },
  {
    path: "virtualMachines/patched",
    body: {
      location: "eastus",
      properties: { networkProfile: {}, osProfile: { linuxConfiguration: { patchSettings: BYPASSING } } },
    },
    member: [
      ...["properties", "osProfile", "linuxConfiguration", "patchSettings", "automaticByPlatformSettings"],
      "bypassPlatformSafetyChecksOnUserSchedule",
    ],
    since: "2023-03-01",
    before: "2022-11-01",
  },
];

describe("an API version", () => {
  it("before ETags neither shows one nor obeys If-Match", () => {
    const azure = furnished();
    const read = azure.send("GET", `virtualMachines/node-a?${OLD_VM}`);
    assert.deepEqual([read.headers["etag"], at(read.body, "etag")], [undefined, undefined]);
    const write = (version: string): readonly [number, unknown] => {
      const answer = azure.send("PATCH", `virtualMachines/node-a?${version}`, {}, { ifMatch: '"wrong"' });
      azure.settle();
      return [answer.status, codeOf(answer.body)];
    };
    assert.deepEqual(
      [write(OLD_VM), write(NEW_VM)],
      [
        [200, undefined],
        [412, "PreconditionFailed"],
      ],
    );
    assert.match(textAt(azure.send("GET", `virtualMachines/node-a?${NEW_VM}`).body, "etag") ?? "", /^"\d+"$/);
  });

  it("without shared disks shows one owner, in a list too, and shares no new disk", () => {
    const azure = furnished();
    const shownBy = (disk: Json | undefined): readonly boolean[] =>
      [["managedBy"], ["managedByExtended"], ["properties", "shareInfo"], ["properties", "maxShares"]].map(
        (path) => at(disk, ...path) !== undefined,
      );
    const listed = (version: string): Json | undefined =>
      listAt(azure.send("GET", `disks?${version}`).body, "value")?.[0];
    assert.deepEqual(shownBy(azure.send("GET", `disks/pvc-1?${OLD_DISK}`).body), [true, false, false, false]);
    assert.deepEqual(shownBy(listed(OLD_DISK)), [true, false, false, false]);
    assert.deepEqual(shownBy(listed("api-version=2019-11-01")), [true, true, true, true]);
    azure.finish("PUT", `disks/single?${OLD_DISK}`, diskBody({ properties: { maxShares: 2 } }));
    assert.equal(at(azure.send("GET", "disks/single").body, "properties", "maxShares"), undefined);
  });

  it("before forced detaches refuses one", () => {
    const azure = furnished();
    const entry = { lun: 0, createOption: "Attach", name: "pvc-1", toBeDetached: true };
    const body = {
      properties: { storageProfile: { dataDisks: [{ ...entry, detachOption: "ForceDetach" }] } },
    };
    const refused = azure.send("PATCH", "virtualMachines/node-a?api-version=2020-06-01", body);
    assert.deepEqual([refused.status, codeOf(refused.body)], [400, "BadRequest"]);
    const begun = azure.send("PATCH", "virtualMachines/node-a?api-version=2020-12-01", body);
    const listed = listAt(begun.body, "properties", "storageProfile", "dataDisks")?.[0];
    assert.equal(at(listed, "detachOption"), "ForceDetach");
    const old = azure.send("GET", "virtualMachines/node-a?api-version=2020-06-01").body;
    const shown = listAt(old, "properties", "storageProfile", "dataDisks")?.[0];
    assert.deepEqual([at(shown, "toBeDetached"), at(shown, "detachOption")], [true, undefined]);
  });

  it("before instant access shows it of no snapshot, nor in an operation's result", () => {
    const azure = furnished();
    const creationData = {
      createOption: "Copy",
      sourceResourceId: `${COMPUTE}/disks/pvc-1`,
    };
    const body = { location: "eastus", properties: { creationData, incremental: true } };
    const started = azure.send("PUT", "snapshots/s?api-version=2024-03-02", body);
    azure.settle();
    const url = new URL(started.headers["azure-asyncoperation"] ?? "");
    const done = azure.send("GET", url.pathname + url.search).body;
    assert.equal(at(done, "properties", "output", "name"), "s");
    assert.equal(at(done, "properties", "output", "properties", "snapshotAccessState"), undefined);
    const current = azure.send("GET", "snapshots/s?api-version=2025-01-02").body;
    assert.equal(at(current, "properties", "snapshotAccessState"), "Available");
  });

  for (const { path, body, member, since, before } of NEWER_MEMBERS)
    it(`shows ${member.at(-1)} of ${path.split("/")[0]} from ${since} on only`, () => {
      const azure = furnished();
      if (body !== undefined) azure.finish("PUT", path, body);
      const shown = [before, since].map((version) => {
        const query = { "api-version": version, $expand: "instanceView" };
        const read = azure.send("GET", path, undefined, { query });
        return [read.status, at(read.body, ...member) !== undefined];
      });
      assert.deepEqual(shown, [
        [200, false],
        [200, true],
      ]);
    });

  it("without Spot VMs makes a regular one", () => {
    const azure = furnished();
    const properties = { networkProfile: {}, priority: "Spot" };
    for (const version of ["2018-10-01", "2019-03-01"])
      azure.finish("PUT", `virtualMachines/of-${version}?api-version=${version}`, {
        location: "eastus",
        properties,
      });
    const evicted = ["2018-10-01", "2019-03-01"].map(
      (version) => azure.send("POST", `virtualMachines/of-${version}/simulateEviction`).status,
    );
    assert.deepEqual(evicted, [409, 204]);
  });
});
