import type { LaggingServer } from "../../../kubernetes/sim-cluster.ts";
import type { SimWorld } from "../../../world.ts";
import { diceAgain, type FaultVariant, nodeOfPod, pick } from "../../fault-class.ts";
import { uncordonAll } from "../../processes/cordon.ts";

/** What is started again at the API server that is behind, and the kinds that its lists show too late. */
const STARTED = [
  // A kubelet asks etcd for its Node (operation_generator.go), and lists its pods.
  { who: "kubelet", kinds: ["Pod"] },
  { who: "sidecars", kinds: ["VolumeAttachment"] },
  { who: "sidecars", kinds: ["VolumeAttachment", "PersistentVolume", "Claim"] },
  { who: "kube-controller-manager", kinds: ["Pod", "Node", "VolumeAttachment"] },
  { who: "kube-controller-manager", kinds: ["Pod"] },
  { who: "kube-controller-manager", kinds: ["VolumeAttachment", "Node"] },
] as const;
const MOMENTS = ["now", "attaching", "detaching"] as const;
/** How far behind it is, and how long after that it catches up, in milliseconds. */
const STARTED_AFTER_MS = [500, 3_000, 10_000, 25_000] as const;
const BEHIND_FOR_MS = [2_000, 10_000, 30_000] as const;

/**
 * One of several API servers falls behind while the volume's pod moves, and moves again. Then a kubelet, the
 * sidecars or kube-controller-manager are started again and list the past there.
 */
export const laggingServer: FaultVariant = {
  forMs: [50_000, 120_000],
  isDirected: true,
  delaysNews: true,
  begin: (context, fault) => {
    const { world, when, later, act } = context;
    const { volumeName, dice } = fault;
    const { who, kinds } = pick(STARTED, dice);
    const moment = pick(MOMENTS, diceAgain(dice, 1));
    const nodeName = nodeOfPod(world, fault);
    let server: LaggingServer | undefined;
    const move = (): void => {
      uncordonAll(context);
      act({ kind: "move", volumeName, isForced: diceAgain(dice, 2) < 0.4 });
    };
    const start = (): void => {
      world.trace.note("API server", `is the one that ${who} starts at`);
      if (who === "kubelet") server?.restartKubelet(nodeName);
      else if (who === "sidecars") server?.restartSidecars();
      else server?.restartControllerManager();
    };
    if (moment !== "now") move();
    when(
      () => isMoment(world, volumeName, moment),
      () => {
        server = world.cluster.fallBehind(kinds);
        world.trace.note("API server", `falls behind: ${kinds.join(", ")}`);
        move();
        const startedAfterMs = pick(STARTED_AFTER_MS, diceAgain(dice, 3));
        later(startedAfterMs, start);
        later(startedAfterMs + pick(BEHIND_FOR_MS, diceAgain(dice, 4)), () => server?.catchUp());
      },
    );
    return () => {
      server?.catchUp();
      if (who === "kube-controller-manager" && hasForgottenOne(world)) server?.restartControllerManager();
      uncordonAll(context);
    };
  },
};

/**
 * Whether a VolumeAttachment is left that no pod needs. One that its list lacked, kube-controller-manager
 * never looks at: it reads VolumeAttachments, and the volumes that a Node has attached, as it starts alone.
 * Before Kubernetes 1.35, whose informers begin with what etcd has, a person has to start it again.
 */
function hasForgottenOne({ cluster }: SimWorld): boolean {
  const pods = cluster.pods();
  return cluster
    .volumeAttachments()
    .some(
      ({ volumeName, nodeName, isDeleted }) =>
        !isDeleted && !pods.some((pod) => pod.volumeName === volumeName && pod.nodeName === nodeName),
    );
}

function isMoment({ cluster }: SimWorld, volumeName: string, moment: (typeof MOMENTS)[number]): boolean {
  const attachments = cluster
    .volumeAttachments()
    .filter((attachment) => attachment.volumeName === volumeName);
  // Nodes that attach by themselves have none.
  if (moment === "now" || cluster.volumeAttachments().length === 0) return true;
  return attachments.some(({ isAttached, isDeleted }) =>
    moment === "attaching" ? !isAttached && !isDeleted : isDeleted,
  );
}
