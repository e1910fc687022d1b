import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { ArmHttp, ArmHttpRequest } from "./arm-http.ts";
import type { Experiment } from "./experiment.ts";
import { attachProbeDisk, type ProbeVm } from "./probe-vm.ts";
import { runProbe } from "./run-probe.ts";
import { aProbeVm } from "./testing/a-probe-vm.ts";

const COMPUTE = "/subscriptions/sub-1/resourceGroups/rg/providers/Microsoft.Compute";
const VM_ID = `${COMPUTE}/virtualMachines/vm-a`;
const DISK_ID = `${COMPUTE}/disks/probe`;
const OTHERS_DISK = { lun: 5, managedDisk: { id: `${COMPUTE}/disks/pvc-1` } };

interface ModelVm {
  readonly vm: ProbeVm;
  readonly dataDisks: () => readonly unknown[];
  readonly sent: ArmHttpRequest[];
}

/**
 * A VM, to which another client attaches a disk right after it was read for the `othersAfter`th time. `meet`
 * sees each call first.
 */
function aVm(
  options: { readonly meet?: (request: ArmHttpRequest) => void; readonly othersAfter?: number } = {},
): ModelVm {
  let [version, dataDisks]: [number, readonly unknown[]] = [1, []];
  let reads = 0;
  const sent: ArmHttpRequest[] = [];
  const http: ArmHttp = (request) => {
    sent.push(request);
    options.meet?.(request);
    const answer = (status: number, body: Record<string, unknown> = {}) =>
      Promise.resolve({ status, headers: {}, body });
    const { method, path, body, ifMatch } = request;
    if (!path.startsWith(VM_ID) || method === "POST") return answer(200);
    if (method === "PATCH") {
      if (ifMatch !== `"${version}"`) return answer(412, { error: { code: "PreconditionFailed" } });
      version += 1;
      const { storageProfile } = (body as { properties: { storageProfile: { dataDisks: unknown[] } } })
        .properties;
      ({ dataDisks } = storageProfile);
      return answer(200);
    }
    const statuses = [{ code: "PowerState/running" }];
    const properties = { storageProfile: { dataDisks }, instanceView: { statuses } };
    const read = answer(200, { etag: `"${version}"`, properties });
    reads += 1;
    if (reads === options.othersAfter) {
      dataDisks = [...dataDisks, OTHERS_DISK];
      version += 1;
    }
    return read;
  };
  const vm: ProbeVm = aProbeVm({ vmId: VM_ID, diskId: DISK_ID, http });
  return { vm, dataDisks: () => dataDisks, sent };
}

const attaches: Experiment = {
  name: "E0",
  assumption: "it has the disk",
  minutes: 1,
  run: async (vm) => {
    await attachProbeDisk(vm);
    return { verdict: "held", detail: "" };
  },
};

async function leftOf(vm: ProbeVm): Promise<readonly string[]> {
  const left: string[] = [];
  await runProbe(vm, [attaches], {
    choices: { mayStop: true, mayReimage: false, rounds: 1 },
    onResult: () => undefined,
    onLeft: (commands) => left.push(...commands),
  }).catch((error: unknown) => left.push(String(error)));
  return left;
}

/** Lets calls of a method to a path fail as a lost connection does. */
const losing =
  (method: string, path: string) =>
  (request: ArmHttpRequest): void => {
    if (request.method === method && request.path === path) throw new Error("ECONNRESET");
  };

describe("runProbe", () => {
  for (const othersAfter of [1, 2, 3])
    it(`takes off no disk that another client attaches after read ${othersAfter} of the VM`, async () => {
      const model = aVm({ othersAfter });
      await attachProbeDisk(model.vm).catch(() => undefined);
      assert.ok(model.dataDisks().includes(OTHERS_DISK));
    });

  it("writes nothing to a VM of which Azure sends no ETag", async () => {
    const { vm, sent } = aVm();
    const http: ArmHttp = async (request) => {
      const { body, ...answer } = await vm.http(request);
      return { ...answer, body: { ...body, etag: undefined } };
    };
    await assert.rejects(attachProbeDisk({ ...vm, http }), /sent no ETag/u);
    assert.ok(sent.every(({ method }) => method === "GET"));
  });

  it("leaves nothing, and starts the VM that ran", async () => {
    const { vm, dataDisks, sent } = aVm();
    assert.deepEqual(await leftOf(vm), []);
    assert.deepEqual(dataDisks(), []);
    assert.ok(sent.some(({ method, path }) => method === "POST" && path === `${VM_ID}/start`));
  });

  it("cleans up the rest where a step fails, and prints the command for that step", async () => {
    for (const [method, path, command] of [
      ["POST", `${VM_ID}/start`, `az vm start --ids ${VM_ID}`],
      ["DELETE", DISK_ID, `az disk delete --ids ${DISK_ID}`],
    ] as const) {
      const { vm, dataDisks, sent } = aVm({ meet: losing(method, path) });
      assert.deepEqual(await leftOf(vm), [command]);
      assert.deepEqual(dataDisks(), []);
      assert.ok(sent.some((request) => request.method === "DELETE" && request.path === DISK_ID));
    }
  });

  it("prints a command that az has where a disk stays attached", async () => {
    let writes = 0;
    const { vm } = aVm({
      meet: ({ method }) => {
        if (method === "PATCH") writes += 1;
        if (writes > 1 && method === "PATCH") throw new Error("ECONNRESET");
      },
    });
    assert.deepEqual(await leftOf(vm), [
      `az vm disk detach --subscription sub-1 --resource-group rg --vm-name vm-a --disk-ids ${DISK_ID}`,
    ]);
  });

  it("stops programs in both VMs, and prints the command where that fails", async () => {
    const { vm, sent } = aVm();
    const left = await leftOf({ ...vm, second: { ...vm, vmId: `${COMPUTE}/virtualMachines/vm-b` } });
    const runs = sent.filter(({ path }) => path.endsWith("/runCommand"));
    assert.deepEqual(
      new Set(runs.map(({ path }) => path)),
      new Set([`${VM_ID}/runCommand`, `${COMPUTE}/virtualMachines/vm-b/runCommand`]),
    );
    // The model runs no scripts.
    assert.match(
      left[0] ?? "",
      /^az vm run-command invoke --ids \S+vm-a .*touch \/run\/probe-azure-abc123\/stop/u,
    );
    assert.equal(left.filter((command) => command.startsWith("az vm run-command")).length, 2);
  });

  it("deletes a disk whose creation was cut off: Azure may have made it", async () => {
    const { vm, sent } = aVm({ meet: losing("PUT", DISK_ID) });
    assert.deepEqual(await leftOf(vm), ["Error: ECONNRESET"]);
    assert.ok(sent.some(({ method, path }) => method === "DELETE" && path === DISK_ID));
  });
});
