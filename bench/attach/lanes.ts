import { strikeVm } from "../../src/emulator/model/vm/vm-events.ts";
import { begun } from "../../src/emulator/model/vm/vm-state.ts";
import { findVm, putVm } from "../../src/emulator/model/world.ts";
import { vmUri } from "./place.ts";
import { type VirtualCloud, createVirtualCloud } from "./virtual-cloud.ts";

const REPLICA_VMS = 400;
const FENCED_VMS = 200;
const DISKS_PER_VM = 10;
/** The other lane's calls have met the front door's limits by then, in milliseconds. */
const HEAD_START_MS = 20_000;
/** A caller's pause after a failure, as the controller's own backoff may be, in milliseconds. */
const RETRY_AFTER_MS = 5000;
/** An attach that takes longer counts as starved, in milliseconds. */
const STARVED_MS = 600_000;
const never = new AbortController().signal;
const precondition = (): Promise<boolean> => Promise.resolve(true);

interface Measured {
  readonly seconds: number;
  /** Azure's own update of the VM. */
  readonly floorSeconds: number;
}

/** How much longer than Azure's own update one call of a lane takes beside many of another. */
export interface Lanes {
  /** A fence beside attaches of replicas to 400 other VMs. */
  readonly fenceLateSeconds: number;
  /** An attach beside fences of 200 other VMs on which Azure works without an end. */
  readonly attachBesideBusyLateSeconds: number;
  /** An attach beside fences of 200 other VMs that have lost their power. */
  readonly attachBesideFencesLateSeconds: number;
}

/** Measures each lane beside the other, under Azure's limits. */
export async function measureLanes(): Promise<Lanes> {
  return {
    fenceLateSeconds: late(await fenceBesideReplicas()),
    attachBesideBusyLateSeconds: late(
      await attachBesideFences(({ model: { world } }, name) => {
        const vm = findVm(world, vmUri(name));
        if (vm !== undefined) putVm(world, { ...begun(world, vm), provisioningState: "Updating" });
      }),
    ),
    attachBesideFencesLateSeconds: late(
      await attachBesideFences(({ model: { world } }, name) => {
        const vm = findVm(world, vmUri(name));
        if (vm !== undefined) strikeVm(world, vm, "SilentPowerLoss");
      }),
    ),
  };
}

function late({ seconds: all, floorSeconds }: Measured): number {
  return Math.round((all - floorSeconds) * 10) / 10;
}

async function fenceBesideReplicas(): Promise<Measured> {
  const cloud = createVirtualCloud({ vms: REPLICA_VMS + 1, settings: { throttling: "enforce" } });
  const { model, clock, provisioner } = cloud;
  const attached = cloud.addDisks(REPLICA_VMS + 1);
  cloud.attachDisks(attached);
  const wanted = cloud.addDisks(REPLICA_VMS);
  const [lost, ...others] = cloud.nodes;
  const [lostDisk] = attached;
  if (lost === undefined || lostDisk === undefined) throw new Error("there is no VM to fence");
  const end = new AbortController();
  const attaches = wanted.map(async (diskUri, index) => {
    const node = others[index];
    if (node === undefined) throw new Error(`there is no VM for disk ${index}`);
    const request = { diskUri, node, lane: "replicaAttach", cachingMode: "None", precondition } as const;
    while (!end.signal.aborted) {
      await provisioner.attachDisk(request, end.signal);
      await provisioner.detachDisk(request, end.signal);
    }
  });
  const fence = async (): Promise<Measured> => {
    await clock.sleep(HEAD_START_MS, never);
    const vm = findVm(model.world, vmUri(lost.nodeName));
    if (vm !== undefined) strikeVm(model.world, vm, "PowerLoss");
    const [startedMs, startedAtMs] = [clock.elapsedMs(), clock.nowMs()];
    const request = { diskUri: lostDisk, node: lost, mode: "fence", precondition } as const;
    const proof = await provisioner.barrier(request, never);
    if (!proof.ok) throw new Error(`the fence ended with ${proof.failure.kind}`);
    return {
      seconds: seconds(clock.elapsedMs() - startedMs),
      floorSeconds: slowestUpdateSeconds(cloud, lost.nodeName, startedAtMs),
    };
  };
  const measured = await cloud.run(fence());
  end.abort(new Error("measured"));
  await cloud.run(Promise.allSettled(attaches));
  return measured;
}

async function attachBesideFences(strike: (cloud: VirtualCloud, name: string) => void): Promise<Measured> {
  const cloud = createVirtualCloud({ vms: FENCED_VMS + 1, settings: { throttling: "enforce" } });
  const { clock, provisioner } = cloud;
  const disks = cloud.addDisks((FENCED_VMS + 1) * DISKS_PER_VM);
  cloud.attachDisks(disks);
  const [healthy, ...fenced] = cloud.nodes;
  const [wanted] = cloud.addDisks(1);
  if (healthy === undefined || wanted === undefined) throw new Error("there is nothing to attach");
  for (const { nodeName } of fenced) strike(cloud, nodeName);
  const end = new AbortController();
  const fences = disks.slice(DISKS_PER_VM).map(async (diskUri, index) => {
    const node = fenced[Math.floor(index / DISKS_PER_VM)];
    if (node === undefined) throw new Error(`there is no VM for disk ${index}`);
    for (;;) {
      const proof = await provisioner.barrier({ diskUri, node, mode: "fence", precondition }, end.signal);
      if (proof.ok) return;
      await clock.sleep(RETRY_AFTER_MS, end.signal);
    }
  });
  const attach = async (): Promise<Measured> => {
    await clock.sleep(HEAD_START_MS, never);
    const [startedMs, startedAtMs] = [clock.elapsedMs(), clock.nowMs()];
    const request = { diskUri: wanted, node: healthy, lane: "primaryAttach", cachingMode: "None" } as const;
    for (;;) {
      const attached = await Promise.race([
        provisioner.attachDisk({ ...request, precondition }, never),
        clock.sleep(STARVED_MS, end.signal),
      ]);
      if (attached === undefined) throw new Error(`an attach neither ended nor failed in ${STARVED_MS} ms`);
      if (attached.ok)
        return {
          seconds: seconds(clock.elapsedMs() - startedMs),
          floorSeconds: slowestUpdateSeconds(cloud, healthy.nodeName, startedAtMs),
        };
      await clock.sleep(RETRY_AFTER_MS, never);
    }
  };
  const measured = await cloud.run(attach());
  end.abort(new Error("measured"));
  await cloud.run(Promise.allSettled(fences));
  return measured;
}

/** The longest update of a VM since then, by Azure's own clock. */
function slowestUpdateSeconds({ model }: VirtualCloud, name: string, sinceMs: number): number {
  const durationsMs = [...model.world.operations.values()]
    .filter(({ resourceId }) => resourceId.toLowerCase() === vmUri(name).toLowerCase())
    .filter(({ startedAtMs }) => startedAtMs >= sinceMs)
    .map(({ startedAtMs, endedAtMs = startedAtMs }) => endedAtMs - startedAtMs);
  return seconds(Math.max(...durationsMs));
}

function seconds(ms: number): number {
  return Math.round(ms / 100) / 10;
}
