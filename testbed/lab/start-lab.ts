import { fileURLToPath } from "node:url";
import { messageOf } from "../../src/core/failure/message-of.ts";
import { buildParts } from "../parts/build-parts.ts";
import { CONTROL_PLANE } from "./cluster/control-plane.ts";
import { writeCredentials } from "./cluster/write-credentials.ts";
import { inotifyShortage } from "./inotify-shortage.ts";
import { keepParts } from "./keep-parts.ts";
import { labHome } from "./lab-home.ts";
import { type LabOptions, labSettings, type LabVm } from "./lab-options.ts";
import { claimLab, writeLabRecord } from "./lab-record.ts";
import { findLab, type Lab, labFrame, type LabFrame, labIn } from "./lab.ts";
import { refuseIncapableMachine } from "./refuse-incapable-machine.ts";
import { stopLab } from "./stop-lab.ts";
import { endWithProcess } from "./units/end-with-process.ts";
import { waitUntil } from "./units/wait-until.ts";

/** Receives a line of progress, for people to read. */
export type OnProgress = (line: string) => void;

const NODES_READY_MAX_MS = 300_000;
const LOOK_EVERY_MS = 200;
const CLONE = fileURLToPath(new URL("../..", import.meta.url));

/**
 * Brings up a lab: control plane, Azure, and nodes that are Ready. It keeps running when this process ends,
 * until `stopLab` takes it down. First takes down a lab of this name that another process of this clone left
 * interrupted, or that has outlived a test of any clone. Any other lab of this name is an error. If this
 * fails or is aborted, everything that was started is taken down.
 */
export async function startLab(
  options: LabOptions,
  signal: AbortSignal,
  onProgress: OnProgress,
): Promise<Lab> {
  const settings = labSettings(options);
  await refuseIncapableMachine();
  if (options.replaces !== true && (await findLab(settings.name)) !== undefined)
    throw new Error(`lab ${settings.name} is up already`);
  const parts = await buildParts(onProgress, signal, options.kubernetes);
  await stopLab(settings.name, { clone: CLONE });
  const shortage = await inotifyShortage(settings.vms.length);
  if (shortage !== undefined) throw new Error(shortage);
  const home = labHome(settings.name);
  const endsWithStarter = options.endsWithProcess === true;
  const claimed = await claimLab(home, { settings, clone: CLONE, endsWithStarter }, signal);
  if (endsWithStarter) endWithProcess(settings.name);
  const startedMs = performance.now();
  const tell: OnProgress = (line) =>
    onProgress(`${((performance.now() - startedMs) / 1000).toFixed(1).padStart(5)} s  ${line}`);
  try {
    await keepParts(home, parts);
    const frame = await labFrame(home, claimed);
    const lab = await bringUp(frame, tell, signal);
    await writeLabRecord(home, { ...claimed, isUp: true });
    return lab;
  } catch (error) {
    await stopLab(settings.name, { clone: CLONE }).catch((left: unknown) => {
      throw new AggregateError(
        [error, left],
        `${messageOf(error)}; and it could not be taken down: ${messageOf(left)}`,
      );
    });
    throw error;
  }
}

async function bringUp(frame: LabFrame, tell: OnProgress, signal: AbortSignal): Promise<Lab> {
  const { home, network, networkUnit, cgroups, record } = frame;
  await writeCredentials(home, network, record.settings.vms);
  const lab = await labIn(frame);
  await cgroups.createRoot(home.group);
  await networkUnit.start(record.settings.vms.length, signal);
  tell(`network: ${network.machines}, pods ${network.pods}`);

  const bootNodes = async (): Promise<void> => {
    await lab.registry.start(signal);
    await lab.azure.start(signal);
    tell(`Azure: ${lab.azure.url}, block devices, and a registry of images`);
    for (const node of lab.nodes) {
      await node.boot(signal);
      tell(`${node.name}: up, containerd runs`);
    }
  };
  const startControlPlane = async (): Promise<void> => {
    for (const program of CONTROL_PLANE) {
      await lab.controlPlane.start(program, signal);
      tell(`${program}: healthy`);
    }
  };
  await bothOf(bootNodes(), startControlPlane());
  for (const node of lab.nodes) await node.startKubelet();
  await untilReady(lab, signal);
  tell(`nodes are Ready: ${lab.nodes.map((node) => `${node.name} (${placeOf(node)})`).join(", ")}`);
  return lab;
}

function placeOf({ zone, faultDomain }: LabVm): string {
  return zone === undefined ? `fault domain ${faultDomain}` : `zone ${zone}`;
}

/** Waits for both, also when one fails, so that nothing is still being built during the clean-up. */
async function bothOf(left: Promise<void>, right: Promise<void>): Promise<void> {
  const failure = (await Promise.allSettled([left, right])).find((end) => end.status === "rejected");
  if (failure !== undefined) throw failure.reason;
}

/**
 * Waits until every node is Ready and the default service account exists, without which no pod is created.
 */
async function untilReady(lab: Lab, signal: AbortSignal): Promise<void> {
  try {
    await waitUntil(
      "every node to be Ready",
      { timeoutMs: NODES_READY_MAX_MS, everyMs: LOOK_EVERY_MS, signal },
      async () => {
        const answer = (await lab.request({ url: "/api/v1/nodes" })).body as NodeList;
        const ready = answer.items.filter((node) =>
          node.status.conditions?.some(({ type, status }) => type === "Ready" && status === "True"),
        );
        const account = await lab.request({ url: "/api/v1/namespaces/default/serviceaccounts/default" });
        return (ready.length === lab.nodes.length && account.code === 200) || undefined;
      },
    );
  } catch (error) {
    signal.throwIfAborted();
    const logs = await Promise.all(
      lab.nodes.map(async ({ name }) => `${name}: ${await lab.units.logTail(`${name}/kubelet`)}`),
    );
    throw new Error(`not every node is Ready; their kubelets' logs end with\n${logs.join("\n")}`, {
      cause: error,
    });
  }
}

interface NodeList {
  readonly items: readonly {
    readonly status: { readonly conditions?: readonly { readonly type: string; readonly status: string }[] };
  }[];
}
