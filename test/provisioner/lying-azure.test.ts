import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createModelArmApi } from "../../src/adapters/arm-model/model-arm-api.ts";
import { createSeededRandom } from "../../src/adapters/virtual/seeded-random.ts";
import { createVirtualClock } from "../../src/adapters/virtual/virtual-clock.ts";
import { fail, ok } from "../../src/core/failure/result.ts";
import type { Result } from "../../src/core/failure/result.ts";
import { valueOf } from "../../src/core/testing/value-of.ts";
import { createComputeModel } from "../../src/emulator/model/compute-model.ts";
import type { FenceProof } from "../../src/ports/cloud/cloud-provisioner.ts";
import type { ArmApi, ArmDisk, ArmVm } from "../../src/provisioner/arm/arm-api.ts";
import { createAzureCloudProvisioner } from "../../src/provisioner/azure-cloud-provisioner.ts";
import {
  type CloudUnderTest,
  LOCATION,
  RESOURCE_GROUP,
  SUBSCRIPTION_ID,
  addDisk,
  addVm,
  disksOn,
  failureOf,
  mayAlways,
  never,
  singleVms,
} from "../contract/worlds/cloud-bench.ts";

/** A cloud with `pvc-1` attached to `node-a`, seen through an ArmApi that can return wrong answers. */
async function aLyingAzure(): Promise<
  CloudUnderTest & {
    lie: (lies: Partial<ArmApi>) => void;
    truth: ArmApi;
    fence: () => Promise<Result<FenceProof | undefined>>;
  }
> {
  const clock = createVirtualClock();
  const model = createComputeModel({ clock });
  const truth = createModelArmApi({ model, subscriptionId: SUBSCRIPTION_ID, clock, oneWayMs: () => 5 });
  let lies: Partial<ArmApi> = {};
  const arm = new Proxy(truth, { get: (target, method: keyof ArmApi) => lies[method] ?? target[method] });
  const provisioner = createAzureCloudProvisioner({
    arm,
    clock,
    random: createSeededRandom(1),
    place: { subscriptionId: SUBSCRIPTION_ID, resourceGroup: RESOURCE_GROUP, location: LOCATION },
    lifetime: never,
  });
  const run = async <T>(work: Promise<T>): Promise<T> => {
    let isDone = false;
    const watched = work.finally(() => (isDone = true));
    await clock.runUntil(() => isDone, 86_400_000);
    return watched;
  };
  const cloud: CloudUnderTest = {
    provisioner,
    vms: singleVms,
    another: () => provisioner,
    model,
    run,
    until: () => Promise.reject(new Error("not needed here")),
    elapsedMs: () => clock.elapsedMs(),
    close: () => Promise.resolve(),
  };
  const node = addVm(cloud, "node-a");
  const diskUri = await addDisk(cloud, "pvc-1");
  valueOf(
    await run(
      provisioner.attachDisk(
        { diskUri, node, cachingMode: "None", lane: "primaryAttach", precondition: mayAlways },
        never,
      ),
    ),
  );
  return {
    ...cloud,
    truth,
    lie: (told) => {
      lies = told;
    },
    fence: () => run(provisioner.barrier({ mode: "fence", diskUri, node, precondition: mayAlways }, never)),
  };
}

const answered = <T>(value: T): { result: { readonly ok: true; readonly value: T }; remaining: [] } => ({
  result: ok(value),
  remaining: [],
});

/** The true answer of `getVm`, changed. */
const vmChanged =
  (truth: ArmApi, change: (vm: ArmVm) => ArmVm): ArmApi["getVm"] =>
  async (request, signal) => {
    const answer = await truth.getVm(request, signal);
    return answer.result.ok ? answered(change(answer.result.value)) : answer;
  };

/** The true answer of `getDisk`, changed. */
const diskChanged =
  (truth: ArmApi, change: (disk: ArmDisk) => ArmDisk): ArmApi["getDisk"] =>
  async (request, signal) => {
    const answer = await truth.getDisk(request, signal);
    return answer.result.ok ? answered(change(answer.result.value)) : answer;
  };

/** The disk says that it is free. */
const disowned = (disk: ArmDisk): ArmDisk => ({ ...disk, managedBy: undefined, managedByExtended: [] });

const doneAtOnce: ArmApi["startVmUpdate"] = () =>
  Promise.resolve(answered({ pollUrl: undefined, kind: "vm" as const, retryAfterMs: undefined }));

describe("a fence with wrong answers from Azure", () => {
  it("has no proof when the update succeeds but nothing happens", async () => {
    const azure = await aLyingAzure();
    azure.lie({ startVmUpdate: doneAtOnce });
    assert.equal((await azure.fence()).ok, false);
    assert.deepEqual(disksOn(azure, "node-a"), ["pvc-1@0"]);
  });

  it("has no proof when the ETag moves but the entry stays", async () => {
    const azure = await aLyingAzure();
    let etag = 100;
    azure.lie({
      startVmUpdate: doneAtOnce,
      getVm: vmChanged(azure.truth, (vm) => ({ ...vm, etag: `"${etag++}"` })),
      getDisk: diskChanged(azure.truth, disowned),
    });
    assert.equal((await azure.fence()).ok, false);
  });

  it("has no proof while the entry is only marked for detach", async () => {
    const azure = await aLyingAzure();
    let etag = 100;
    azure.lie({
      startVmUpdate: doneAtOnce,
      getVm: vmChanged(azure.truth, (vm) => ({
        ...vm,
        etag: `"${etag++}"`,
        dataDisks: vm.dataDisks.map((entry) => ({ ...entry, toBeDetached: true })),
      })),
      getDisk: diskChanged(azure.truth, disowned),
    });
    assert.equal((await azure.fence()).ok, false);
  });

  it("has no proof while the disk names the VM", async () => {
    const azure = await aLyingAzure();
    azure.lie({
      getDisk: diskChanged(azure.truth, (disk) => ({ ...disk, managedBy: singleVms.uri("NODE-A") })),
    });
    const failure = failureOf(await azure.fence());
    assert.equal(failure.kind, "CloudUnavailable");
    assert.equal(failure.code, "DiskStillOwned");
  });

  it("has no proof while a shared disk names the VM among others", async () => {
    const azure = await aLyingAzure();
    azure.lie({
      getDisk: diskChanged(azure.truth, (disk) => ({
        ...disk,
        managedBy: singleVms.uri("node-b"),
        managedByExtended: [singleVms.uri("node-b"), singleVms.uri("node-a")],
      })),
    });
    assert.equal((await azure.fence()).ok, false);
  });

  it("does not accept a missing VM as proof while the disk names one of that name", async () => {
    const azure = await aLyingAzure();
    azure.lie({
      getVm: () =>
        Promise.resolve({
          result: fail({
            statusCode: 404,
            code: "ResourceNotFound",
            message: "",
            target: "",
            details: [],
            internalErrorCode: "",
            retryAfterMs: undefined,
            requestId: "",
          }),
          remaining: [],
        }),
      getDisk: diskChanged(azure.truth, (disk) => ({
        ...disk,
        managedBy: singleVms.uri("node-a").replace("/rg/", "/elsewhere/"),
      })),
    });
    assert.equal((await azure.fence()).ok, false);
  });

  it("does not treat a missing vmId as another machine's", async () => {
    const azure = await aLyingAzure();
    azure.lie({ getVm: vmChanged(azure.truth, (vm) => ({ ...vm, vmId: "" })) });
    assert.equal((await azure.fence()).ok, false);
  });

  it("writes nothing without an ETag", async () => {
    const azure = await aLyingAzure();
    azure.lie({ getVm: vmChanged(azure.truth, (vm) => ({ ...vm, etag: "" })) });
    assert.equal((await azure.fence()).ok, false);
    assert.deepEqual(disksOn(azure, "node-a"), ["pvc-1@0"]);
  });

  it("finds its proof once Azure's answers are true again", async () => {
    const azure = await aLyingAzure();
    azure.lie({ startVmUpdate: doneAtOnce });
    assert.equal((await azure.fence()).ok, false);
    azure.lie({});
    assert.equal(valueOf(await azure.fence())?.kind, "entryGone");
  });
});
