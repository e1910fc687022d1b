import powerOffRole from "../../../deploy/azure/role-power-off.json" with { type: "json" };
import subscriptionRole from "../../../deploy/azure/role-subscription.json" with { type: "json" };
import role from "../../../deploy/azure/role.json" with { type: "json" };
import { createModelArmApi } from "../../../src/adapters/arm-model/model-arm-api.ts";
import { createSdkArmApi } from "../../../src/adapters/azure-sdk/sdk-arm-api.ts";
import { systemClock } from "../../../src/adapters/system/system-clock.ts";
import { systemRandom } from "../../../src/adapters/system/system-random.ts";
import { createSeededRandom } from "../../../src/adapters/virtual/seeded-random.ts";
import { createVirtualClock } from "../../../src/adapters/virtual/virtual-clock.ts";
import { startEmulator } from "../../../src/emulator/index.ts";
import { type ComputeModel, createComputeModel } from "../../../src/emulator/model/compute-model.ts";
import { addResourceGroup, addScaleSet } from "../../../src/emulator/model/set-up.ts";
import {
  type AzureCloudProvisioner,
  createAzureCloudProvisioner,
} from "../../../src/provisioner/azure-cloud-provisioner.ts";
import { scaledSettings } from "../../../src/provisioner/settings.ts";
import {
  type CloudUnderTest,
  LOCATION,
  RESOURCE_GROUP,
  SUBSCRIPTION_ID,
  type VmKind,
} from "./cloud-bench.ts";
import { MIXED_GROUPS } from "./mixed-vms.ts";

const place = { subscriptionId: SUBSCRIPTION_ID, resourceGroup: RESOURCE_GROUP, location: LOCATION };

/** The driver calls Azure with the shipped roles where they are assigned; tests change it freely. */
const DRIVER = "driver";
const SUBSCRIPTION = `/subscriptions/${SUBSCRIPTION_ID}`;
/** Azure says of a group that is not there that it is not, only to those who might read it. */
const GROUPS = [RESOURCE_GROUP, ...Object.values(MIXED_GROUPS), "deleted-group", "none"];
const permissions = {
  "*": ["*"],
  [DRIVER]: [
    { actions: subscriptionRole.Actions, scope: SUBSCRIPTION },
    ...GROUPS.map((name) => ({
      actions: [...role.Actions, ...powerOffRole.Actions],
      scope: `${SUBSCRIPTION}/resourceGroups/${name}`,
    })),
  ],
};

/** Makes the resource groups of disks and VMs, and the scale sets. */
function prepare(model: ComputeModel, vms: VmKind): void {
  for (const name of new Set([RESOURCE_GROUP, ...vms.resourceGroups]))
    addResourceGroup(model.world, { subscriptionId: SUBSCRIPTION_ID, name, location: LOCATION });
  for (const set of vms.scaleSets) {
    const added = addScaleSet(model.world, { ...place, ...set, capacity: 0 });
    if (added.kind === "Failure") throw new Error(added.message);
  }
}

/** The longest that one step may take on the virtual clock: an hour. */
const VIRTUAL_LIMIT_MS = 3_600_000;
const VIRTUAL_STEP_MS = 200;

/** Azure's model, called directly, on a virtual clock. */
export async function modelCloud(vms: VmKind): Promise<CloudUnderTest> {
  const clock = createVirtualClock();
  const model = createComputeModel({ clock, settings: { permissions } });
  prepare(model, vms);
  const lifetime = new AbortController();
  let instances = 0;
  const another = (): AzureCloudProvisioner => {
    const arm = createModelArmApi({
      model,
      subscriptionId: SUBSCRIPTION_ID,
      clock,
      oneWayMs: () => 5,
      caller: DRIVER,
    });
    return createAzureCloudProvisioner({
      arm,
      clock,
      random: createSeededRandom(instances++),
      place,
      lifetime: lifetime.signal,
    });
  };
  const until = async (isReached: () => boolean): Promise<void> => {
    // In steps: the model may have something to end while no call sleeps.
    for (let passedMs = 0; passedMs < VIRTUAL_LIMIT_MS; passedMs += VIRTUAL_STEP_MS)
      if (await clock.runUntil(isReached, VIRTUAL_STEP_MS)) return;
    throw new Error("not reached within an hour of virtual time");
  };
  return {
    provisioner: another(),
    vms,
    another,
    model: onClock(model),
    run: async (work) => {
      let isDone = false;
      const watched = work.finally(() => {
        isDone = true;
      });
      await until(() => isDone);
      return watched;
    },
    until: (isReached) => until(() => (model.advanceTo(clock.nowMs()), isReached())),
    elapsedMs: () => clock.elapsedMs(),
    close: async () => lifetime.abort(new Error("closed")),
  };

  /**
   * The model moves only when it is called: before a test reads its world, it runs everything that is due.
   */
  function onClock(behind: ComputeModel): ComputeModel {
    return {
      ...behind,
      get world() {
        behind.advanceTo(clock.nowMs());
        return behind.world;
      },
    };
  }
}

/** Four hundred times as fast as Azure: an attach takes about 20 ms. */
const TIME_SCALE = 1 / 400;
/** How long a busy machine may take, in milliseconds of real time. */
const PATIENCE_MS = 60_000;

/** As Entra's: its claims name the client. */
const token = `e30.${Buffer.from(JSON.stringify({ appid: DRIVER })).toString("base64url")}.unsigned`;

/** The SDK against the emulator over TLS. */
export async function emulatedCloud(vms: VmKind): Promise<CloudUnderTest> {
  const emulator = await startEmulator({
    settings: { timeScale: TIME_SCALE, permissions },
  });
  prepare(emulator.model, vms);
  const lifetime = new AbortController();
  const another = (): AzureCloudProvisioner => {
    const arm = createSdkArmApi({
      credential: {
        getToken: () => Promise.resolve({ token, expiresOnTimestamp: Number.MAX_SAFE_INTEGER }),
      },
      subscriptionId: SUBSCRIPTION_ID,
      endpoint: emulator.url,
      caPem: emulator.caPem ?? "",
      clock: systemClock,
    });
    return createAzureCloudProvisioner({
      arm,
      clock: systemClock,
      random: systemRandom,
      place,
      lifetime: lifetime.signal,
      // A read that needs no wait comes back at once, but not on a busy machine.
      settings: { ...scaledSettings(TIME_SCALE), gathering: { quietMs: 100, maxMs: PATIENCE_MS } },
    });
  };
  const provisioner = another();
  return {
    provisioner,
    vms,
    another,
    model: emulator.model,
    run: (work) => work,
    until: async (isReached) => {
      const deadlineMs = systemClock.elapsedMs() + PATIENCE_MS;
      // The emulator's timer only covers calls through its server; ours may bypass it.
      while ((emulator.model.advanceTo(systemClock.nowMs()), !isReached())) {
        if (systemClock.elapsedMs() > deadlineMs)
          throw new Error(`not reached within ${PATIENCE_MS / 1_000} s`);
        await systemClock.sleep(1, lifetime.signal);
      }
    },
    elapsedMs: () => systemClock.elapsedMs(),
    close: async () => {
      lifetime.abort(new Error("closed"));
      await provisioner.drained();
      await emulator.close();
    },
  };
}
