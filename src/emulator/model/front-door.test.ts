import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { ArmAnswer } from "./api/arm-message.ts";
import { at, textAt } from "./api/json.ts";
import { aModel, codeOf, COMPUTE, diskBody, listBody } from "./testing/model-fixture.ts";

describe("the front door", () => {
  const rows: readonly {
    because: string;
    path: string;
    query: Record<string, string>;
    expected: readonly [number, string];
  }[] = [
    {
      because: "every call names a version",
      path: "disks/x",
      query: {},
      expected: [400, "MissingApiVersionParameter"],
    },
    {
      because: "a version is a date",
      path: "disks/x",
      query: { "api-version": "latest" },
      expected: [400, "InvalidApiVersionParameter"],
    },
    {
      because: "a date has a month and a day",
      path: "disks/x",
      query: { "api-version": "2025-13-01" },
      expected: [400, "InvalidApiVersionParameter"],
    },
    {
      because: "Resource Manager is of 2014",
      path: "disks/x",
      query: { "api-version": "2014-03-31" },
      expected: [400, "InvalidApiVersionParameter"],
    },
    {
      because: "its first version was recorded with Azure PowerShell",
      path: "disks/x",
      query: { "api-version": "2014-04-01-preview" },
      expected: [404, "ResourceNotFound"],
    },
    {
      because: "unknown types are unknown",
      path: "toasters/x",
      query: { "api-version": "2025-04-01" },
      expected: [404, "InvalidResourceType"],
    },
    {
      because: "an absent resource is not found",
      path: "disks/x",
      query: { "api-version": "2025-04-01-preview" },
      expected: [404, "ResourceNotFound"],
    },
  ];
  it("says of an unknown type in which namespace and version it looked for it", () => {
    for (const [path, namespace] of [
      ["toasters/x", "Microsoft.Compute"],
      ["disks/x/toasters/y", "Microsoft.Compute"],
      ["/subscriptions/sub-1/providers/Microsoft.Network/virtualNetworks", "Microsoft.Network"],
      ["disks/x/providers/Microsoft.Authorization/locks/y", "Microsoft.Authorization"],
    ] as const)
      assert.equal(
        textAt(aModel().send("GET", path).body, "error", "message"),
        `The resource type could not be found in the namespace '${namespace}' for api version '2025-04-01'.`,
      );
    const { status, body } = aModel().send("GET", "toasters/x", undefined, { query: {} });
    assert.deepEqual([status, codeOf(body)], [400, "MissingApiVersionParameter"]);
  });

  for (const { because, path, query, expected } of rows) {
    it(because, () => {
      const answer = aModel().send("GET", path, undefined, { query });
      assert.deepEqual([answer.status, codeOf(answer.body)], expected);
    });
  }

  it("answers every call below an absent group alike, and makes nothing", () => {
    const azure = aModel();
    const other = "/subscriptions/sub-1/resourceGroups/none/providers/Microsoft.Compute";
    const resources = ["disks/x", "snapshots/x", "virtualMachines/x", "availabilitySets/x"];
    const instance = "virtualMachineScaleSets/pool/virtualMachines/0";
    const calls = [
      ...[...resources, "virtualMachineScaleSets/x", "diskEncryptionSets/x", instance].flatMap((path) =>
        (["GET", "PUT", "DELETE"] as const).map((method) => [method, path] as const),
      ),
      ...resources.map((path) => ["PATCH", path] as const),
      ["GET", "virtualMachines/x/instanceView"] as const,
      ["GET", "disks"] as const,
      ["POST", "virtualMachines/x/start"] as const,
      ["POST", "disks/x/endGetAccess"] as const,
    ];
    for (const [method, path] of calls) {
      const answer = azure.send(method, `${other}/${path}`, method === "PUT" ? diskBody() : {});
      assert.deepEqual(
        [answer.status, codeOf(answer.body), answer.headers["x-ms-failure-cause"]],
        [404, "ResourceGroupNotFound", "gateway"],
        `${method} ${path}`,
      );
    }
    assert.equal(azure.send("GET", "/subscriptions/sub-1/resourceGroups/none").status, 404);
  });

  it("distinguishes an absent group from an absent resource", () => {
    const azure = aModel();
    const other = "/subscriptions/sub-1/resourceGroups/none/providers/Microsoft.Compute";
    assert.deepEqual(
      [
        azure.send("GET", `${other}/disks/x`),
        azure.send("PUT", `${other}/disks/x`, diskBody()),
        azure.send("PATCH", "disks/x", {}),
        azure.send("HEAD", "/subscriptions/sub-1/resourceGroups/none"),
      ].map((answer) => [answer.status, codeOf(answer.body)]),
      [
        [404, "ResourceGroupNotFound"],
        [404, "ResourceGroupNotFound"],
        [404, "PatchResourceNotFound"],
        [404, undefined],
      ],
    );
  });

  it("finds no resource of any type to update", () => {
    const azure = aModel();
    const types = ["disks", "snapshots", "virtualMachines", "virtualMachineScaleSets", "availabilitySets"];
    for (const type of [...types, "diskEncryptionSets", "diskAccesses"]) {
      const { status, body } = azure.send("PATCH", `${type}/x`, { location: "eastus", tags: {} });
      // Recorded of a VM by the JavaScript SDK in 2022 (Azure/azure-sdk-for-js, arm-compute).
      assert.deepEqual(
        [status, ...["code", "target", "message"].map((member) => at(body, "error", member))],
        [
          404,
          "PatchResourceNotFound",
          "x",
          `The resource '${COMPUTE}/${type}/x' was not found when evaluating policies for a PATCH operation.`,
        ],
      );
      assert.equal(azure.send("GET", `${type}/x`).status, 404);
    }
  });

  it("keeps a journal that a reader can continue from a known entry", () => {
    const azure = aModel();
    const { sequence } = azure.send("GET", "disks/x", undefined, { clientRequestId: "call-1" });
    azure.finish("PUT", "disks/x", diskBody());
    const entries = at(
      azure.send("GET", `/emulator/v1/journal?since=${sequence - 1}`).body,
      "value",
    ) as readonly Record<string, string>[];
    assert.deepEqual(
      entries.map((entry) => [entry["kind"], entry["operation"], entry["status"], entry["clientRequestId"]]),
      [
        ["arm", "Disks_Get", 404, "call-1"],
        ["arm", "Disks_CreateOrUpdate", 202, undefined],
        ["poll", "Operations_Get", 200, undefined],
      ],
    );
  });

  it("pages through the calls of one kind, however many others are between them", () => {
    const azure = aModel();
    for (const name of ["a", "b"]) {
      azure.finish("PUT", `disks/${name}`, diskBody());
      for (let call = 0; call < 3; call += 1) azure.send("GET", "/emulator/v1/health");
    }
    const read: unknown[] = [];
    for (let since = 0, pages = 0; pages < 3; pages += 1) {
      const entries = at(
        azure.send("GET", `/emulator/v1/journal?since=${since}&kind=arm&limit=1`).body,
        "value",
      ) as readonly {
        path: string;
        sequence: number;
      }[];
      read.push(...entries.map(({ path }) => path.split("/").at(-1)));
      since = entries.at(-1)?.sequence ?? since;
    }
    assert.deepEqual(read, ["a", "b"]);
  });

  it("reports how many calls are left, and refuses while the bucket is empty", () => {
    const azure = aModel({
      settings: { throttling: "enforce", throttleLimits: { UpdateVMResource: { burst: 2, perMinute: 1 } } },
    });
    const first = azure.send("PATCH", "virtualMachines/node-a", {});
    assert.equal(
      first.headers["x-ms-ratelimit-remaining-resource"],
      "Microsoft.Compute/UpdateVMSubscriptionMaximum;1499,Microsoft.Compute/UpdateVMResource;1",
    );
    azure.send("PATCH", "virtualMachines/node-a", {});
    const refused = azure.send("PATCH", "virtualMachines/NODE-A", {});
    assert.deepEqual(
      [refused.status, codeOf(refused.body), refused.headers["retry-after"]],
      [429, "OperationNotAllowed", "60"],
    );
    assert.equal(
      textAt((at(refused.body, "error", "details") as readonly { code: string }[])[0], "code"),
      "TooManyRequests",
    );
    assert.equal(azure.send("PATCH", "virtualMachines/node-b", {}).status, 200);
    azure.advance(60_000);
    assert.equal(azure.send("PATCH", "virtualMachines/node-a", {}).status, 200);
  });

  it("counts the calls left to this caller and to all callers together", () => {
    const azure = aModel();
    const left = (answer: ArmAnswer): readonly unknown[] =>
      Object.entries(answer.headers).filter(([name]) =>
        name.startsWith("x-ms-ratelimit-remaining-subscription-"),
      );
    const header = (name: string, value: string): readonly string[] => [
      `x-ms-ratelimit-remaining-subscription-${name}`,
      value,
    ];
    assert.deepEqual(
      [
        azure.send("GET", "disks"),
        azure.send("PUT", "disks/a", diskBody()),
        azure.send("DELETE", "disks/none"),
      ].map(left),
      [
        [header("reads", "249"), header("global-reads", "3749")],
        [header("writes", "199"), header("global-writes", "2999")],
        [header("deletes", "199"), header("global-deletes", "2999")],
      ],
    );
  });

  it("throttles a subscription in ARM's words, and refills at the clock's pace", () => {
    const azure = aModel({
      settings: {
        timeScale: 0.01,
        throttling: "enforce",
        throttleLimits: { "subscription-reads": { burst: 1, perMinute: 60 } },
      },
    });
    azure.send("GET", "disks");
    const refused = azure.send("GET", "disks");
    assert.deepEqual(
      [
        refused.status,
        codeOf(refused.body),
        refused.headers["retry-after"],
        refused.headers["retry-after-ms"],
      ],
      [429, "SubscriptionRequestsThrottled", "1", "10"],
    );
    azure.advance(10);
    assert.equal(azure.send("GET", "disks").status, 200);
  });

  it("shows every resource at once, in its own form", () => {
    const azure = aModel({ settings: { osDisks: false } });
    azure.finish("PUT", "disks/d", diskBody());
    const source = at(azure.send("GET", "disks/d").body, "id") ?? "";
    azure.finish("PUT", "snapshots/s", {
      location: "eastus",
      properties: { creationData: { createOption: "Copy", sourceResourceId: source } },
    });
    azure.send("PUT", "availabilitySets/a", { location: "eastus" });
    const state = azure.send("GET", "/emulator/v1/state").body;
    for (const [type, name] of [
      ["disks", "d"],
      ["snapshots", "s"],
      ["availabilitySets", "a"],
      ["virtualMachines", "node-a"],
    ] as const) {
      const { emulator: _hidden, ...shown } = (
        at(state, type) as readonly { emulator?: object; properties: object }[]
      )[0] ?? { properties: {} };
      const { instanceView: _view, ...properties } = shown.properties as { instanceView?: object };
      assert.deepEqual({ ...shown, properties }, azure.send("GET", `${type}/${name}`).body);
    }
  });

  it("starts from the beginning after a reset", () => {
    const azure = aModel({ settings: { osDisks: false } });
    azure.finish("PUT", "disks/pvc-1", diskBody());
    azure.finish("PATCH", "virtualMachines/node-a", listBody({ 0: "pvc-1" }));
    azure.model.faults.add({ effect: { kind: "DropResponse" } });
    assert.equal(azure.send("POST", "/emulator/v1/reset").status, 202);
    const state = azure.send("GET", "/emulator/v1/state").body;
    assert.deepEqual(
      [
        at(state, "disks"),
        (at(state, "virtualMachines") as readonly object[]).length,
        azure.model.faults.list(),
      ],
      [[], 2, []],
    );
  });

  it("accepts settings, and names a wrong one", () => {
    const azure = aModel();
    assert.equal(
      azure.send("PATCH", "/emulator/v1/settings", { timeScale: 0, latencies: { attach: { medianMs: 1 } } })
        .status,
      200,
    );
    assert.deepEqual(
      [azure.model.world.settings.timeScale, azure.model.world.settings.latencies.attach],
      [0, { medianMs: 1, p99Ms: 1, perDiskMs: 300 }],
    );
    assert.match(
      textAt(
        azure.send("PATCH", "/emulator/v1/settings", { throttling: "maybe" }).body,
        "error",
        "message",
      ) ?? "",
      /'throttling' is one of off, report, enforce/,
    );
  });

  it("adds rows of VMs spread over zones", () => {
    const azure = aModel({ virtualMachines: [] });
    azure.send("POST", "/emulator/v1/virtualMachines", {
      subscriptionId: "sub-1",
      resourceGroup: "new",
      location: "eastus",
      name: "node",
      count: 3,
      zones: ["1", "2"],
    });
    const vms = at(
      azure.send("GET", "/subscriptions/sub-1/providers/Microsoft.Compute/virtualMachines").body,
      "value",
    ) as readonly {
      name: string;
      zones: string[];
    }[];
    assert.deepEqual(
      vms.map((vm) => [vm.name, vm.zones]),
      [
        ["node-0", ["1"]],
        ["node-1", ["2"]],
        ["node-2", ["1"]],
      ],
    );
  });
});
