import { pollDelayMs } from "../../../src/core/azure/pace/poll-delay.ts";
import type { Clock } from "../../../src/ports/clock.ts";
import type { ArmAnswer, ArmApi, ArmDataDisk, ArmOperation } from "../../../src/provisioner/arm/arm-api.ts";
import { defaultProvisionerSettings } from "../../../src/provisioner/settings.ts";
import { RESOURCE_GROUP, SUBSCRIPTION_ID } from "../place.ts";

/** A way to attach disks to one VM. */
export type AttachAll = (
  cloud: { readonly arm: ArmApi; readonly clock: Clock },
  nodeName: string,
  diskUris: readonly string[],
) => Promise<void>;

const never = new AbortController().signal;
const clientRequestId = "bench";
const WINDOW_MS = 1000;
const RETRY_DEFAULT_MS = 1000;

/**
 * A client that attaches one disk after the other: it reads the VM, adds the disk and waits for the end. It
 * polls at the same pace as ours.
 */
export const oneByOne: AttachAll = async (cloud, nodeName, diskUris) => {
  for (const diskUri of diskUris) await update(cloud, nodeName, [diskUri]);
};

/**
 * A client that gathers requests for one second and sends them in one update, as Azure's first driver does.
 * It polls at the same pace as ours.
 */
export const oneSecondWindow: AttachAll = async (cloud, nodeName, diskUris) => {
  await cloud.clock.sleep(WINDOW_MS, never);
  await update(cloud, nodeName, diskUris);
};

async function update(
  { arm, clock }: Parameters<AttachAll>[0],
  name: string,
  diskUris: readonly string[],
): Promise<void> {
  const vm = await repeated(clock, () =>
    arm.getVm(
      {
        subscriptionId: SUBSCRIPTION_ID,
        resourceGroup: RESOURCE_GROUP,
        name,
        instanceView: false,
        clientRequestId,
      },
      never,
    ),
  );
  const used = new Set(vm.dataDisks.map((entry) => entry.lun));
  const free = Array.from({ length: 64 }, (_, lun) => lun).filter((lun) => !used.has(lun));
  const added = diskUris.map((id, index): ArmDataDisk => ({
    lun: free[index] ?? 0,
    createOption: "Attach",
    caching: "None",
    managedDisk: { id },
  }));
  const change = { dataDisks: [...vm.dataDisks, ...added] };
  const started = await repeated(clock, () =>
    arm.startVmUpdate(
      {
        subscriptionId: SUBSCRIPTION_ID,
        resourceGroup: RESOURCE_GROUP,
        name,
        change,
        ifMatch: vm.etag,
        clientRequestId,
      },
      never,
    ),
  );
  await untilEnded({ arm, clock }, started);
}

async function untilEnded({ arm, clock }: Parameters<AttachAll>[0], started: ArmOperation): Promise<void> {
  const startedMs = clock.elapsedMs();
  for (let operation = started; operation.pollUrl !== undefined;) {
    const elapsedMs = clock.elapsedMs() - startedMs;
    await clock.sleep(
      pollDelayMs(defaultProvisionerSettings.vmPollPace, { elapsedMs, retryAfterMs: operation.retryAfterMs }),
      never,
    );
    const current = operation;
    const status = await repeated(clock, () =>
      arm.pollOperation({ operation: current, clientRequestId }, never),
    );
    if (status.state === "succeeded") return;
    if (status.state !== "running") throw new Error(`an update ended ${status.state}: ${status.error.code}`);
    operation = status.operation;
  }
}

/** Repeats a call that was refused with 429, after the time that the refusal names. */
async function repeated<T>(clock: Clock, call: () => Promise<ArmAnswer<T>>): Promise<T> {
  for (;;) {
    const { result } = await call();
    if (result.ok) return result.value;
    if (result.failure.statusCode !== 429)
      throw new Error(`${result.failure.code}: ${result.failure.message}`);
    await clock.sleep(result.failure.retryAfterMs ?? RETRY_DEFAULT_MS, never);
  }
}
