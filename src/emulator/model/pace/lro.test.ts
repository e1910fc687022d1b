import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { ArmAnswer, ArmRequest } from "../api/arm-message.ts";
import { at, type Json, textAt } from "../api/json.ts";
import { aModel, codeOf, COMPUTE, diskBody, listBody, type ModelFixture } from "../testing/model-fixture.ts";

const GROUP = "/subscriptions/sub-1/resourceGroups";
const VM = { location: "eastus", zones: ["1"], properties: { networkProfile: {} } };
const DETACH = { dataDisksToDetach: [{ diskId: `${COMPUTE}/disks/none` }] };
const SNAPSHOT = {
  location: "eastus",
  properties: {
    creationData: { createOption: "Copy", sourceResourceId: `${COMPUTE}/disks/pvc-1` },
    incremental: true,
  },
};
const SCALE_SET = { location: "eastus", sku: { name: "Standard_D8s_v5", capacity: 0 } };

/** A model with pvc-1, snapshot s, availability set a and scale set s. */
function furnished(settings: NonNullable<Parameters<typeof aModel>[0]>["settings"] = {}): ModelFixture {
  const azure = aModel({ settings });
  azure.finish("PUT", "disks/pvc-1", diskBody());
  azure.finish("PUT", "snapshots/s", SNAPSHOT);
  azure.send("PUT", "availabilitySets/a", { location: "eastus" });
  azure.finish("PUT", "virtualMachineScaleSets/s", SCALE_SET);
  return azure;
}

/** The URL at which a client follows an operation, by one header or the other. */
function follow(
  azure: ModelFixture,
  answer: ArmAnswer,
  header: "azure-asyncoperation" | "location",
): ArmAnswer {
  const url = new URL(answer.headers[header] ?? "");
  return azure.send("GET", url.pathname + url.search);
}

describe("the first answer", () => {
  // Go's client accepts no other status for some of these; clients of other languages are less strict.
  const rows: readonly (readonly [
    method: ArmRequest["method"],
    path: string,
    body: Json | undefined,
    status: number,
  ])[] = [
    ["PUT", "disks/new", diskBody(), 202],
    ["PUT", "disks/pvc-1", diskBody(), 202],
    ["PATCH", "disks/pvc-1", { tags: { a: "b" } }, 202],
    ["DELETE", "disks/pvc-1", undefined, 202],
    ["DELETE", "disks/none", undefined, 204],
    ["POST", "disks/pvc-1/beginGetAccess", { access: "Read", durationInSeconds: 3600 }, 202],
    ["POST", "disks/pvc-1/endGetAccess", undefined, 202],
    ["PUT", "snapshots/new", SNAPSHOT, 202],
    ["PATCH", "snapshots/s", { tags: { a: "b" } }, 202],
    ["DELETE", "snapshots/s", undefined, 202],
    ["DELETE", "snapshots/none", undefined, 204],
    ["POST", "snapshots/s/beginGetAccess", { access: "Read", durationInSeconds: 3600 }, 202],
    ["PUT", "virtualMachines/new", VM, 201],
    ["PUT", "virtualMachines/node-a", VM, 200],
    ["PATCH", "virtualMachines/node-a", {}, 200],
    ["DELETE", "virtualMachines/node-a?forceDeletion=true", undefined, 202],
    ["DELETE", "virtualMachines/none", undefined, 204],
    ["POST", "virtualMachines/node-a/attachDetachDataDisks", DETACH, 200],
    ...["start", "powerOff", "deallocate", "restart", "redeploy", "reapply"].map(
      (action) => ["POST", `virtualMachines/node-a/${action}`, undefined, 202] as const,
    ),
    ["PUT", "availabilitySets/b", { location: "eastus" }, 200],
    ["PATCH", "availabilitySets/a", { tags: { a: "b" } }, 200],
    ["DELETE", "availabilitySets/a", undefined, 200],
    ["DELETE", "availabilitySets/none", undefined, 204],
    ["PUT", `${GROUP}/new`, { location: "eastus" }, 201],
    ["PUT", `${GROUP}/rg`, { location: "eastus" }, 200],
    ["HEAD", `${GROUP}/rg`, undefined, 204],
    ["HEAD", `${GROUP}/none`, undefined, 404],
    ["DELETE", `${GROUP}/rg`, undefined, 202],
    ["DELETE", `${GROUP}/none`, undefined, 404],
  ];
  for (const [method, path, body, status] of rows) {
    it(`to ${method} ${path.replace(`${GROUP}/`, "resourceGroups/")} is ${status}`, () => {
      assert.equal(furnished().send(method, path, body).status, status);
    });
  }

  // Its body must not look like the end of the operation.
  it("has the headers that each kind of client follows", () => {
    const azure = furnished({ timeScale: 0.5 });
    const followed = (answer: ArmAnswer): readonly string[] =>
      ["azure-asyncoperation", "azure-asyncnotification", "location", "retry-after"].filter(
        (name) => answer.headers[name] !== undefined,
      );
    const update = azure.send("PATCH", "virtualMachines/node-a", listBody({ 0: "pvc-1" }));
    assert.deepEqual(followed(update), ["azure-asyncoperation", "azure-asyncnotification"]);
    assert.equal(textAt(update.body, "properties", "provisioningState"), "Updating");
    const created = azure.send("PUT", "virtualMachines/new", VM);
    assert.equal(textAt(created.body, "properties", "provisioningState"), "Creating");
    const action = azure.send("POST", "virtualMachines/node-b/restart");
    assert.deepEqual(followed(action), [
      "azure-asyncoperation",
      "azure-asyncnotification",
      "location",
      "retry-after",
    ]);
    const disk = azure.send("PUT", "disks/new", diskBody());
    assert.deepEqual(followed(disk), ["azure-asyncoperation", "location", "retry-after"]);
    assert.equal(textAt(disk.body, "properties", "provisioningState"), "Updating");
    azure.settle();
    assert.deepEqual(followed(azure.send("DELETE", "disks/new")), ["azure-asyncoperation", "location"]);
  });
});

describe("Retry-After", () => {
  const action = (name: string): string => `virtualMachines/node-a/${name}`;
  const disk = diskBody();
  const rows: readonly (readonly [
    method: ArmRequest["method"],
    path: string,
    body: Json | undefined,
    first: string | undefined,
    running: string | undefined,
  ])[] = [
    ["PUT", "disks/new", disk, "2", undefined],
    ["PATCH", "disks/pvc-1", { tags: { a: "b" } }, "2", undefined],
    ["DELETE", "disks/pvc-1", undefined, undefined, undefined],
    ["POST", "disks/pvc-1/endGetAccess", undefined, undefined, undefined],
    ["PUT", "snapshots/new", SNAPSHOT, "2", undefined],
    ["DELETE", "snapshots/s", undefined, undefined, undefined],
    ["PUT", "virtualMachines/new", VM, "10", "35"],
    ["PUT", "virtualMachines/node-a", VM, undefined, undefined],
    ["PATCH", "virtualMachines/node-a", listBody({ 0: "pvc-1" }), undefined, undefined],
    ["POST", action("attachDetachDataDisks"), DETACH, undefined, undefined],
    ["POST", action("restart"), undefined, "10", "10"],
    ["POST", action("start"), undefined, "10", undefined],
    ["POST", action("deallocate"), undefined, "10", "30"],
    ["POST", action("powerOff"), undefined, undefined, undefined],
    ["POST", action("reapply"), undefined, undefined, undefined],
    ["DELETE", "virtualMachines/node-a", undefined, "10", "30"],
    ["PUT", "virtualMachineScaleSets/new", SCALE_SET, "10", undefined],
    ["PATCH", "virtualMachineScaleSets/s", { sku: { capacity: 1 } }, "10", undefined],
    ["DELETE", "virtualMachineScaleSets/s", undefined, undefined, undefined],
  ];
  for (const [method, path, body, first, running] of rows) {
    it(`of ${method} ${path} is as recorded, and of its end nothing`, () => {
      const azure = furnished();
      const answer = azure.send(method, path, body);
      const poll = (): string | undefined =>
        follow(azure, answer, "azure-asyncoperation").headers["retry-after"];
      const polled = poll();
      azure.settle();
      assert.deepEqual([answer.headers["retry-after"], polled, poll()], [first, running, undefined]);
    });
  }
});

describe("Retry-After of a faster clock", () => {
  // A second where half of one is due would slow its clients down.
  const rows: readonly (readonly [timeScale: number, disk: string | undefined, vm: string | undefined])[] = [
    [0.5, "1", "5"],
    [0.3, undefined, "3"],
    [0.25, undefined, "2"],
    [0.05, undefined, undefined],
  ];
  for (const [timeScale, disk, vm] of rows) {
    it(`is never more than is due with a time scale of ${timeScale}`, () => {
      const azure = furnished({ timeScale });
      const written = azure.send("PUT", "disks/new", diskBody());
      const deleted = azure.send("DELETE", "virtualMachines/node-a");
      assert.deepEqual([written.headers["retry-after"], deleted.headers["retry-after"]], [disk, vm]);
    });
  }
});

describe("pollAfterS", () => {
  // az and the SDKs for Go and Python poll every 30 s where they get no Retry-After.
  it("is Retry-After of each answer that leaves an operation in progress", () => {
    const azure = furnished({ timeScale: 0.2, pollAfterS: 1 });
    const started = [
      azure.send("PATCH", "virtualMachines/node-a", listBody({ 0: "pvc-1" })),
      azure.send("PUT", "disks/new", diskBody()),
      azure.send("POST", "virtualMachines/node-b/restart"),
    ];
    const monitored = started.slice(1);
    const askedFor = (): readonly (string | undefined)[] => [
      ...started.map((answer) => follow(azure, answer, "azure-asyncoperation").headers["retry-after"]),
      ...monitored.map((answer) => follow(azure, answer, "location").headers["retry-after"]),
    ];
    assert.deepEqual(
      [...started.map((answer) => answer.headers["retry-after"]), ...askedFor()],
      Array.from({ length: 8 }, () => "1"),
    );
    azure.settle();
    assert.deepEqual(
      askedFor(),
      Array.from({ length: 5 }, () => undefined),
    );
  });
});

describe("an operation", () => {
  it("succeeds in its status document, and with its result at its location", () => {
    const azure = furnished();
    const answer = azure.send("PUT", "disks/new", diskBody());
    const running = follow(azure, answer, "azure-asyncoperation").body as Record<string, Json>;
    assert.deepEqual(
      [Object.keys(running), running["status"]],
      [["startTime", "status", "name"], "InProgress"],
    );
    const waiting = follow(azure, answer, "location");
    assert.deepEqual(
      [waiting.status, waiting.body, waiting.headers["location"]],
      [202, undefined, answer.headers["location"]],
    );
    azure.settle();
    const ended = follow(azure, answer, "azure-asyncoperation").body as Record<string, Json>;
    assert.deepEqual(
      [Object.keys(ended), ended["status"]],
      [["startTime", "endTime", "status", "properties", "name"], "Succeeded"],
    );
    const disk = azure.send("GET", "disks/new").body;
    assert.deepEqual(
      [at(ended, "properties", "output"), follow(azure, answer, "location").body],
      [disk, disk],
    );
  });

  it("of a VM shows only its state: recorded documents have no output", () => {
    const azure = furnished();
    for (const { headers } of [
      azure.send("PATCH", "virtualMachines/node-b", listBody({ 0: "pvc-1" })),
      azure.send("PUT", "virtualMachines/node-c", { location: "eastus", properties: { networkProfile: {} } }),
    ]) {
      azure.settle();
      const { pathname } = new URL(headers["azure-asyncoperation"] ?? "");
      const status = azure.send("GET", pathname).body as Record<string, Json>;
      assert.deepEqual(Object.keys(status), ["startTime", "endTime", "status", "name"]);
    }
    const answer = azure.send("POST", "virtualMachines/node-a/restart");
    azure.settle();
    const ended = follow(azure, answer, "azure-asyncoperation").body as Record<string, Json>;
    assert.deepEqual(Object.keys(ended), ["startTime", "endTime", "status", "name"]);
    assert.deepEqual(
      [follow(azure, answer, "location").status, follow(azure, answer, "location").body],
      [200, undefined],
    );
  });

  it("that failed shows it with 200 in its document, and as an error at its location", () => {
    const azure = furnished();
    azure.model.faults.add({
      effect: { kind: "FailOperation", code: "InternalExecutionError", message: "The disk is ill." },
    });
    const answer = azure.send("PATCH", "disks/pvc-1", { tags: { a: "b" } });
    azure.settle();
    const document = follow(azure, answer, "azure-asyncoperation");
    const error = { code: "InternalExecutionError", message: "The disk is ill." };
    assert.deepEqual(
      [
        document.status,
        textAt(document.body, "status"),
        JSON.parse(JSON.stringify(at(document.body, "error"))),
      ],
      [200, "Failed", error],
    );
    const location = follow(azure, answer, "location");
    assert.deepEqual([location.status, JSON.parse(JSON.stringify(location.body))], [409, { error }]);
    assert.equal(textAt(azure.send("GET", "disks/pvc-1").body, "properties", "provisioningState"), "Failed");
  });

  it("is Canceled in its document and refused at its location when preempted", () => {
    const azure = furnished({ concurrentVmWrite: "preempt" });
    const older = azure.send("POST", "virtualMachines/node-a/attachDetachDataDisks", {
      dataDisksToAttach: [{ diskId: `${COMPUTE}/disks/pvc-1` }],
    });
    azure.send("PATCH", "virtualMachines/node-a", listBody({}));
    const document = follow(azure, older, "azure-asyncoperation").body;
    const url = new URL(older.headers["azure-asyncoperation"] ?? "");
    const location = azure.send("GET", `${url.pathname}${url.search}&monitor=true`);
    assert.deepEqual(
      [textAt(document, "status"), codeOf(document), location.status, codeOf(location.body)],
      ["Canceled", "OperationPreempted", 409, "OperationPreempted"],
    );
  });

  it("is found in its region alone, whose name its URL has without spaces", () => {
    const azure = furnished();
    const body = { ...(diskBody() as Record<string, Json>), location: "East US" };
    const url = new URL(azure.send("PUT", "disks/new", body).headers["location"] ?? "");
    assert.match(url.pathname, /\/locations\/eastus\//);
    const statusAt = (path: string): number => azure.send("GET", `${path}${url.search}`).status;
    assert.deepEqual(
      [
        url.pathname,
        url.pathname.replace("eastus", "East US"),
        url.pathname.replace("eastus", "westus"),
        url.pathname.replace("sub-1", "sub-2"),
      ].map(statusAt),
      [202, 202, 404, 400],
    );
  });

  it("that does not exist is not found", () => {
    const answer = furnished().send(
      "GET",
      "/subscriptions/sub-1/providers/Microsoft.Compute/locations/eastus/operations/none",
    );
    assert.deepEqual([answer.status, codeOf(answer.body)], [404, "NotFound"]);
  });
});
