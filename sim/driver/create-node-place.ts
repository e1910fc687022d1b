import { assembleNode, followOwnObjects } from "../../src/compose/assemble-node.ts";
import { defaultDriverName } from "../../src/core/api/driver-name.ts";
import { fail, ok } from "../../src/core/failure/result.ts";
import { thawLeftFreezes } from "../../src/node/lifecycle/thaw-left-freezes.ts";
import type { InstanceMetadataService } from "../../src/ports/cloud/instance-metadata.ts";
import type { OwnNode } from "../../src/ports/cluster/own-node.ts";
import type { HostProvisioner } from "../../src/ports/host/host-provisioner.ts";
import type { SimMachine } from "../azure/sim-machine.ts";
import { type DriverWorld, untilEnded } from "./create-controller-place.ts";
import { createProcessSlot, type ProcessLife, type RunningProcess } from "./create-process-slot.ts";
import { createCsiServer } from "./csi-server.ts";
import type { NodeCsi } from "./endpoints.ts";
import { gatedCalls } from "./gate.ts";
import type { MachineCheckpoints } from "./machine-checkpoints.ts";
import type { NodePluginSlot } from "./process-slot.ts";

/** A node plug-in's place, and its socket. */
export interface NodePlace {
  readonly slot: NodePluginSlot;
  /** Undefined while nothing listens. */
  readonly csi: () => NodeCsi | undefined;
  /** The machine on which it is. */
  readonly machine: () => SimMachine | undefined;
  /** A machine has the node's name from now on. */
  readonly onMachine: (machine: SimMachine) => void;
  /** Its machine has another node's name from now on: the plug-in ends. */
  readonly leave: () => void;
}

/** The defaults of the node's flags. */
const STAGE_WAIT_MS = 100_000;
const DEVICE_WAIT_MS = 60_000;
const HEARTBEAT_MS = 10_000;
const KUBELET_DIRECTORY = "/var/lib/kubelet";
/** From a machine's boot until its kubelet has started the plug-in, in milliseconds. */
const START_MS = [1_000, 6_000] as const;

/** A place for the plug-in of one node, on the machine that has the node's name. */
export function createNodePlace(
  nodeName: string,
  checkpoints: MachineCheckpoints,
  world: DriverWorld,
): NodePlace {
  const { azure, agenda } = world;
  const chance = world.random(`start/${nodeName}`);
  let machine: SimMachine | undefined;
  /** Machines that had the name once: they may get it again. */
  const followed = new WeakSet<SimMachine>();
  let host: HostProvisioner | undefined;
  let csi: NodeCsi | undefined;
  /** Commands outlive the plug-in that began them, unless they are killed with it. */
  let childrenSurvive = true;

  async function run(life: ProcessLife): Promise<RunningProcess> {
    const here = machine;
    if (here === undefined) throw new Error(`${nodeName} has no machine to run on`);
    const { clock, random, logger, lifetime, steps, events } = life;
    host = here.kernel.startPlugin();
    const ownCheckpoints = checkpoints.open(here, here.bootNumber(), life.gate);
    await thawLeftFreezes({ host, checkpoints: ownCheckpoints, logger, clock }, lifetime);
    const { cache, store } = followOwnObjects({
      store: life.store,
      nodeName,
      clock,
      random,
      logger,
    });
    const metadata: InstanceMetadataService = {
      read: async () => {
        const found = azure.answerOf(here);
        return found === undefined
          ? fail({ kind: "HostNotReady", detail: "the metadata service does not answer" })
          : ok(found);
      },
    };
    const { vmSize = "", zone = "", resourceId = "" } = azure.metadataOf(here) ?? {};
    const { ownNode } = world.connect({ processName: nodeName, lifetime: life.died, gate: life.gate });
    const plugin = assembleNode({
      store,
      cache,
      host: gatedCalls<HostProvisioner>(host, life.gate),
      checkpoints: ownCheckpoints,
      clock,
      random,
      steps,
      events,
      logger,
      node: {
        nodeName,
        vmId: here.vmGuid,
        instanceUri: resourceId,
        location: azure.place.location,
        vmSize,
        zone,
        zoneLabel: undefined,
        busType: "SCSI",
      },
      driverName: defaultDriverName,
      otherDriver: () => undefined,
      metadata: gatedCalls(metadata, life.gate),
      limit: {
        given: undefined,
        reserved: 0,
        ownNode: gatedCalls<OwnNode>(ownNode(nodeName), life.gate),
      },
      settings: {
        platform: "linux",
        driverVersion: "0.0.0-sim",
        attach: world.attach,
        reservations: world.reservations,
        stageWaitMs: STAGE_WAIT_MS,
        deviceWaitMs: DEVICE_WAIT_MS,
        heartbeatMs: HEARTBEAT_MS,
        allowedRoots: [KUBELET_DIRECTORY],
      },
    });
    const synced = cache.untilSynced(lifetime);
    const work = untilEnded(life, [cache.run(lifetime), synced.then(() => plugin.run(lifetime))]);
    await Promise.race([synced, work]);
    const server = createCsiServer(life, here.clock);
    const { handlers } = plugin;
    csi = {
      nodeStageVolume: server.method("/csi.v1.Node/NodeStageVolume", handlers.nodeStageVolume),
      nodeUnstageVolume: server.method("/csi.v1.Node/NodeUnstageVolume", handlers.nodeUnstageVolume),
      nodePublishVolume: server.method("/csi.v1.Node/NodePublishVolume", handlers.nodePublishVolume),
      nodeUnpublishVolume: server.method("/csi.v1.Node/NodeUnpublishVolume", handlers.nodeUnpublishVolume),
      nodeExpandVolume: server.method("/csi.v1.Node/NodeExpandVolume", handlers.nodeExpandVolume),
      nodeGetInfo: server.method("/csi.v1.Node/NodeGetInfo", handlers.nodeGetInfo),
    };
    return { work, drain: server.stop, close: () => Promise.resolve() };
  }

  const slot = createProcessSlot({
    name: nodeName,
    world,
    clock: world.clock,
    machineGate: {
      isShut: () => machine !== undefined && machine.state() !== "running",
      passed: async () => machine?.passed(),
    },
    mayStart: () => machine !== undefined && machine.state() !== "off",
    run,
    onDeath: () => {
      csi = undefined;
      if (host !== undefined) machine?.kernel.killPlugin(host, { childrenSurvive });
      host = undefined;
    },
  });

  function follow(next: SimMachine): void {
    const onEnd = (): void => {
      if (machine !== next) return;
      // The machine has already lost its processes.
      host = undefined;
      slot.kill();
    };
    const startSoon = (): void =>
      agenda.after(
        START_MS[0] + chance.next() * (START_MS[1] - START_MS[0]),
        () => void (machine === next && slot.start()),
      );
    const onBoot = (): void => {
      next.boot().addEventListener("abort", onEnd, { once: true });
      startSoon();
    };
    // Its plug-in stays on an earlier machine that has lost the name, and is not restarted.
    if (machine !== undefined && machine !== next) slot.kill();
    machine = next;
    if (!followed.has(next)) next.onBoot(onBoot);
    followed.add(next);
    onBoot();
  }

  return {
    slot: {
      ...slot,
      killWithCommands: (how) => {
        childrenSurvive = how.childrenSurvive;
        slot.kill();
        childrenSurvive = true;
      },
    },
    csi: () => csi,
    machine: () => machine,
    onMachine: follow,
    leave: () => {
      slot.kill();
      machine = undefined;
    },
  };
}
