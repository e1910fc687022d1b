import { readValues } from "../../src/cli/read-values.ts";
import { assembleController, CONTROLLER_KINDS } from "../../src/compose/assemble-controller.ts";
import { volumeOptions } from "../../src/compose/settings/volume-options.ts";
import { defaultDriverName } from "../../src/core/api/driver-name.ts";
import type { VolumeSettings } from "../../src/core/attachment/observed-volume.ts";
import { defaultElectionSettings } from "../../src/core/election/plan-candidacy.ts";
import { defaultControllerServiceLimits } from "../../src/csi/testing/default-limits.ts";
import { followStore } from "../../src/objects/cache/follow-store.ts";
import type { ClusterVolumes } from "../../src/ports/cluster/cluster-volumes.ts";
import type { VolumeUsers } from "../../src/ports/cluster/volume-users.ts";
import { createAzureCloudProvisioner } from "../../src/provisioner/azure-cloud-provisioner.ts";
import { scaledSettings } from "../../src/provisioner/settings.ts";
import { LeaseHighWaterMark } from "../../src/runtime/election/lease-high-water-mark.ts";
import type { SimAzure } from "../azure/sim-azure.ts";
import type { SimCluster } from "../kubernetes/sim-cluster.ts";
import {
  createProcessSlot,
  type ProcessLife,
  type ProcessWorld,
  type RunningProcess,
} from "./create-process-slot.ts";
import { createCsiServer } from "./csi-server.ts";
import type { ControllerCsi } from "./endpoints.ts";
import { gatedCalls } from "./gate.ts";
import type { ControllerSlot } from "./process-slot.ts";
import { createRatedClock } from "./rated-clock.ts";

/** The surroundings of the driver's processes. */
export interface DriverWorld extends ProcessWorld {
  readonly azure: SimAzure;
  /** How a process follows Kubernetes. */
  readonly connect: SimCluster["connect"];
  readonly attach: "kubernetes" | "driver";
  /** Whether nodes reserve disks. */
  readonly reservations: boolean;
  readonly clusterId: string;
  /** Factor on Azure's real latencies. */
  readonly timeScale: number;
  /** The flag `--trust-nodes-without-provider-id`. */
  readonly trustsUnnamedVms: boolean;
  /** Default: the flags' defaults. */
  readonly settings?: Partial<VolumeSettings> | undefined;
}

/** A controller's place, and its socket. */
export interface ControllerPlace {
  readonly slot: ControllerSlot;
  /** Undefined while nothing listens. */
  readonly csi: () => ControllerCsi | undefined;
}

/** The defaults of the controller's flags. */
export const defaultSettings = readValues(volumeOptions, new Map()).values;

/** A place for a controller: CSI's controller service, and the reconcilers while it leads. */
export function createControllerPlace(name: string, world: DriverWorld): ControllerPlace {
  const clock = createRatedClock(world.clock);
  const volumeSettings = { ...defaultSettings, ...world.settings };
  let csi: ControllerCsi | undefined;
  let isLeading: (() => boolean) | undefined;

  async function run(life: ProcessLife): Promise<RunningProcess> {
    const { random, logger, lifetime, steps, events } = life;
    const { azure } = world;
    const { cache, store } = followStore({
      store: life.store,
      clock: life.clock,
      random,
      logger,
      kinds: CONTROLLER_KINDS,
    });
    const leaseHighWaterMark = new LeaseHighWaterMark();
    const cloud = createAzureCloudProvisioner({
      arm: gatedCalls(azure.arm(name), life.gate),
      clock: life.clock,
      random,
      place: azure.place,
      lifetime,
      settings: scaledSettings(world.timeScale),
      etagWrites: leaseHighWaterMark,
    });
    const { users, volumes, marks } = world.connect({
      processName: name,
      lifetime: life.died,
      gate: life.gate,
    });
    const clusterVolumes = volumesOf(volumes(), life);
    const controller = assembleController({
      driverName: defaultDriverName,
      parts: {
        store,
        cache,
        cloud,
        users: usersOf(users(), life),
        clusterVolumes,
        marks: gatedCalls(marks(), life.gate),
        clock: life.clock,
        random,
        logger,
        steps,
        events,
        leaseHighWaterMark,
        settings: volumeSettings,
        attach: world.attach,
        clusterId: world.clusterId,
        trustsUnnamedVms: world.trustsUnnamedVms,
      },
      snapshots: cloud,
      leaseStore: store,
      lostClusterIds: [],
      limits: defaultControllerServiceLimits,
      election: {
        identity: life.identity,
        settings: defaultElectionSettings,
        isAlone: false,
        onChange: (leads) => world.trace.note(name, leads ? "leads" : "does not lead any more"),
      },
      recordUnclaimed: () => undefined,
    });
    const untilSynced = async (): Promise<void> => {
      await Promise.all([cache.untilSynced(lifetime), clusterVolumes.untilSynced(lifetime)]);
    };
    const work = untilEnded(life, [cache.run(lifetime), untilSynced().then(() => controller.run(lifetime))]);
    await Promise.race([untilSynced(), work]);
    isLeading = controller.isLeading;
    const server = createCsiServer(life, world.clock);
    const { handlers } = controller;
    csi = {
      createVolume: server.method("/csi.v1.Controller/CreateVolume", handlers.createVolume),
      deleteVolume: server.method("/csi.v1.Controller/DeleteVolume", handlers.deleteVolume),
      controllerPublishVolume: server.method(
        "/csi.v1.Controller/ControllerPublishVolume",
        handlers.controllerPublishVolume,
      ),
      controllerUnpublishVolume: server.method(
        "/csi.v1.Controller/ControllerUnpublishVolume",
        handlers.controllerUnpublishVolume,
      ),
      controllerExpandVolume: server.method(
        "/csi.v1.Controller/ControllerExpandVolume",
        handlers.controllerExpandVolume,
      ),
      controllerModifyVolume: server.method(
        "/csi.v1.Controller/ControllerModifyVolume",
        handlers.controllerModifyVolume,
      ),
      createSnapshot: server.method("/csi.v1.Controller/CreateSnapshot", handlers.createSnapshot),
      deleteSnapshot: server.method("/csi.v1.Controller/DeleteSnapshot", handlers.deleteSnapshot),
    };
    return { work, drain: server.stop, close: () => cloud.drained() };
  }

  const slot = createProcessSlot({
    name,
    world,
    clock,
    mayStart: () => true,
    run,
    onDeath: () => {
      csi = undefined;
      isLeading = undefined;
    },
  });
  return {
    slot: {
      ...slot,
      isLeading: () => isLeading?.() === true,
      setAzureReachable: (isReachable) => world.azure.setReachable(name, isReachable),
      setClockRate: clock.setRate,
    },
    csi: () => csi,
  };
}

/** Resolves once everything has ended; an end by the process' signal is no error. */
export async function untilEnded(
  life: Pick<ProcessLife, "lifetime">,
  runs: readonly Promise<void>[],
): Promise<void> {
  try {
    await Promise.all(runs);
  } catch (error) {
    if (!life.lifetime.aborted) throw error;
    await Promise.allSettled(runs);
  }
}

function usersOf(users: VolumeUsers, life: ProcessLife): VolumeUsers {
  const { on, isOutOfService } = users;
  return {
    ...users,
    ...gatedCalls({ on, isOutOfService }, life.gate),
    onChange: (listener) =>
      users.onChange((nodeName, changed) => {
        if (!life.died.aborted) listener(nodeName, changed);
      }),
  };
}

function volumesOf(volumes: ClusterVolumes, life: ProcessLife): ClusterVolumes {
  const { untilSynced, readAttachment, deleteAttachment, releaseAttachment, releaseVolumes, nodePresence } =
    volumes;
  return {
    ...volumes,
    ...gatedCalls(
      { untilSynced, readAttachment, deleteAttachment, releaseAttachment, releaseVolumes, nodePresence },
      life.gate,
    ),
  };
}
