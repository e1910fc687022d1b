import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { textAt } from "./api/json.ts";
import type { ModelSettings } from "./settings.ts";
import {
  aModel,
  codeOf,
  COMPUTE,
  dataDisksOf,
  diskBody,
  listBody,
  type ModelFixture,
} from "./testing/model-fixture.ts";

/** A model in which node-a has pvc-1. */
function attached(settings: Partial<ModelSettings>): ModelFixture {
  const azure = aModel({ settings });
  azure.finish("PUT", "disks/pvc-1", diskBody());
  azure.finish("PATCH", "virtualMachines/node-a", listBody({ 0: "pvc-1" }));
  return azure;
}

/** Behaviour that Azure does not publish, or that differs from day to day, can be set either way. */
const rows: readonly {
  readonly because: string;
  readonly seen: (settings: Partial<ModelSettings>) => unknown;
  readonly either: readonly Row[];
}[] = [
  {
    because: "a pre-empted operation ends Canceled or, as older services said, Failed",
    seen: (settings) => {
      const azure = attached({ concurrentVmWrite: "preempt", ...settings });
      const older = azure.send("PATCH", "virtualMachines/node-a", listBody({}));
      azure.finish("PATCH", "virtualMachines/node-a", { tags: { a: "2" } });
      const status = azure.send("GET", new URL(older.headers["azure-asyncoperation"] ?? "").pathname).body;
      return [textAt(status, "status"), codeOf(status)];
    },
    either: [
      [{}, ["Canceled", "OperationPreempted"]],
      [{ preemptedStatus: "Failed" }, ["Failed", "OperationPreempted"]],
    ],
  },
  {
    because: "powering off takes over from an update, or waits for its turn",
    seen: (settings) => {
      const azure = attached(settings);
      azure.send("PATCH", "virtualMachines/node-a", listBody({}));
      return codeOf(azure.send("POST", "virtualMachines/node-a/powerOff").body);
    },
    either: [
      [{}, undefined],
      [{ powerOffPreemptsUpdate: false }, "Conflict"],
    ],
  },
  {
    because: "a disk on its way to a VM can't be deleted, or is gone when it should arrive",
    seen: (settings) => {
      const azure = aModel({ settings });
      azure.finish("PUT", "disks/pvc-1", diskBody());
      azure.send("PATCH", "virtualMachines/node-a", listBody({ 0: "pvc-1" }));
      const { status } = azure.send("DELETE", "disks/pvc-1");
      azure.settle();
      return [status, azure.send("GET", "disks/pvc-1").status, dataDisksOf(azure, "node-a")];
    },
    either: [
      [{}, [409, 200, "0:pvc-1"]],
      [{ deleteWinsOverAttachInFlight: true }, [202, 404, "0:pvc-1"]],
    ],
  },
  {
    because: "a disk that a running VM has keeps its SKU and maxShares, or changes them",
    seen: (settings) => {
      const azure = attached(settings);
      const sku = azure.finish("PATCH", "disks/pvc-1", { sku: { name: "StandardSSD_LRS" } });
      const shares = azure.finish("PATCH", "disks/pvc-1", { properties: { maxShares: 2 } });
      return [codeOf(sku), codeOf(shares)];
    },
    either: [
      [{}, ["OperationNotAllowed", "OperationNotAllowed"]],
      [{ changesWhileAttached: "allow" }, [undefined, undefined]],
    ],
  },
  {
    because: "attachDetachDataDisks counts by itself, or as what is set",
    seen: (settings) =>
      aModel({ settings }).send("POST", "virtualMachines/node-a/attachDetachDataDisks", {
        dataDisksToDetach: [{ diskId: `${COMPUTE}/disks/none` }],
      }).headers["x-ms-ratelimit-remaining-resource"],
    either: [
      [
        {},
        "Microsoft.Compute/AttachDetachVMDisksSubscriptionMaximum;1499," +
          "Microsoft.Compute/AttachDetachVMDisksResource;11",
      ],
      [
        { throttleGroups: { VirtualMachines_AttachDetachDataDisks: "PutVM" } },
        "Microsoft.Compute/PutVMSubscriptionMaximum;1499,Microsoft.Compute/PutVMResource;11",
      ],
    ],
  },
  {
    because: "an ETag moves at the start of a write, or at its end",
    seen: (settings) => {
      const azure = aModel({ settings });
      const etags = [azure.send("PATCH", "virtualMachines/node-a", {}).headers["etag"]];
      azure.settle();
      return [...etags, azure.send("GET", "virtualMachines/node-a").headers["etag"]];
    },
    either: [
      [{}, ['"2"', '"2"']],
      [{ etagMovesAt: "end" }, ['"1"', '"2"']],
    ],
  },
  {
    because: "calls are counted in headers, or not at all",
    seen: (settings) =>
      Object.keys(aModel({ settings }).send("GET", "disks").headers).filter((name) =>
        name.startsWith("x-ms-ratelimit"),
      ).length,
    either: [
      [{}, 3],
      [{ throttling: "off" }, 0],
    ],
  },
  {
    because: "a group must be made first, or comes with its first resource",
    seen: (settings) =>
      aModel({ settings }).send(
        "PUT",
        "/subscriptions/sub-1/resourceGroups/new/providers/Microsoft.Compute/disks/pvc-1",
        diskBody(),
      ).status,
    either: [
      [{}, 404],
      [{ createResourceGroups: true }, 202],
    ],
  },
  {
    because: "the journal keeps only the last calls, as many as this setting says",
    seen: (settings) => {
      const azure = aModel({ settings });
      for (let call = 0; call < 5; call += 1) azure.send("GET", "disks");
      return azure.model.journal.since(0).map((entry) => entry.sequence);
    },
    either: [
      [{}, [1, 2, 3, 4, 5]],
      [{ journalMax: 2 }, [4, 5]],
    ],
  },
  {
    because: "a forced stop takes as long as it is set to",
    seen: (settings) => {
      const exactly = (ms: number): { medianMs: number; p99Ms: number } => ({ medianMs: ms, p99Ms: ms });
      const { latencies } = aModel().model.world.settings;
      const stops = {
        vmStop: exactly(900),
        vmForcedStop: exactly(100),
        vmDeallocate: exactly(2000),
        vmForcedDeallocate: exactly(300),
      };
      const azure = aModel({ settings: { latencies: { ...latencies, ...stops }, ...settings } });
      return [
        "powerOff",
        "start",
        "powerOff?skipShutdown=true",
        "start",
        "deallocate",
        "start",
        "deallocate?forceDeallocate=true",
      ].map((action) => {
        const beganMs = azure.nowMs();
        azure.finish("POST", `virtualMachines/node-a/${action}`);
        return action === "start" ? "" : azure.nowMs() - beganMs;
      });
    },
    either: [
      [{}, [900, "", 100, "", 2000, "", 300]],
      [{ timeScale: 0.1 }, [90, "", 10, "", 200, "", 30]],
    ],
  },
];

type Row = readonly [settings: Partial<ModelSettings>, expected: unknown];

describe("a setting", () => {
  for (const { because, seen, either } of rows) {
    it(because, () => {
      assert.deepEqual(
        either.map(([settings]) => seen(settings)),
        either.map(([, expected]) => expected),
      );
    });
  }

  const wrong: readonly { readonly body: Parameters<ModelFixture["send"]>[2]; readonly because: RegExp }[] = [
    {
      body: { throttleGroups: { VirtualMachines_Explode: "PutVM" } },
      because:
        /'throttleGroups.VirtualMachines_Explode' is not a member of .* it has VirtualMachines_CreateOrUpdate,/,
    },
    {
      body: { throttleGroups: { VirtualMachines_Update: "Sundays" } },
      because: /is one of PutVM, UpdateVM, DeleteVM/,
    },
    { body: { throttleGroups: [] }, because: /'throttleGroups' is an object; got \[\]/ },
    {
      body: { throttleLimits: { UpdateVMSSVMResource: { burst: 1, perMinute: 1 } } },
      because:
        /'throttleLimits.UpdateVMSSVMResource' is not a member of .* it has .*VMScaleSetVMActionsResource,/,
    },
    {
      body: { throttleLimits: { UpdateVMResource: { burst: 0, perMinute: 1 } } },
      because: /'throttleLimits.UpdateVMResource.burst' is a number from 1/,
    },
    {
      body: { throttleLimits: { UpdateVMResource: { burst: 1, perMinute: 0 } } },
      because: /'throttleLimits.UpdateVMResource.perMinute' is a number above 0; got 0/,
    },
    { body: { timeScale: -1 }, because: /'timeScale' is a number from 0/ },
    { body: { pageSize: "9" }, because: /'pageSize' is a number/ },
  ];
  for (const { body, because } of wrong) {
    it(`is refused where it has no meaning: ${JSON.stringify(body)}`, () => {
      const answer = aModel().send("PATCH", "/emulator/v1/settings", body);
      assert.equal(answer.status, 400);
      assert.match(textAt(answer.body, "error", "message") ?? "", because);
    });
  }
});
