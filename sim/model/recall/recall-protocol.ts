import type { AzVolumeAttachment } from "../../../src/core/api/az-volume-attachment.ts";
import type { ObservedVolume } from "../../../src/core/attachment/observed-volume.ts";
import {
  agoMs,
  aNode,
  anAttachment,
  anObservedVolume,
  aVolumeWithRecord,
  aWriter,
  identity,
  settings,
} from "../../../src/core/testing/objects.ts";
import { planWriter } from "../../../src/core/writer/plan-writer.ts";
import type { WriterAction } from "../../../src/core/writer/writer-action.ts";
import { createCodec } from "../release-check/world-codec.ts";
import type { StateSpace } from "../state-space/explore.ts";

/**
 * The rules that keep a recall from fencing a healthy node. Each can be left out, to show that one is
 * fenced then.
 */
export const recallRules = ["id", "watched", "answer", "silent"] as const;

/** One rule that keeps a recall from fencing a healthy node. */
export type RecallRule = (typeof recallRules)[number];

/** What the store holds of a writer that is recalled; recalls beyond the last number are not made. */
const stored = {
  record: ["requested", "unrequested", "given", "fencing"],
  recall: [0, 1, 2],
  /** The recall that the last answer is about. */
  answer: [0, 1, 2],
  bound: [false, true],
} as const;

const storedCodec = createCodec(stored);
type Stored = ReturnType<typeof storedCodec.decode>;

const codec = createCodec({
  ...stored,
  /** The state of the volume on the node: `flushing` progresses, `stuck` does not. */
  node: ["using", "flushing", "stuck", "unmounted"],
  /** The node has reported progress since time last passed; and it made progress as that time ended. */
  hasTold: [false, true],
  wasFlushing: [false, true],
  /** It has reported what the controller's watch could not show. */
  hasUnseen: [false, true],
  /** Whether the plug-in reaches the store, and the store responds to any client. */
  reachesStore: [false, true],
  store: ["works", "fails"],
  /** Whether the controller's watch delivers events; it plans on what it saw last. */
  watch: ["tells", "cut"],
  /**
   * For a whole unmount timeout the controller has seen the answer unchanged: while it could watch, and at
   * all.
   */
  stalledWatched: [false, true],
  stalledAtAll: [false, true],
  heartbeat: ["fresh", "stale"],
  cutOff: ["no", "while its unmount progressed", "for not answering"],
});
type Node = ReturnType<typeof codec.decode>;

/** A world: the real state, and what the controller's cache shows of the store. */
interface World {
  readonly is: Node;
  readonly seen: Stored;
}

type Emit = (next: World, name: string) => void;

/**
 * Recall and its failure as a state space: one writer that is recalled while it flushes, is stuck, is
 * unreachable, or is dead, and one controller that decides by `planWriter`, on a cache that may be stale.
 * Time passes in steps of the unmount timeout.
 */
export function recallProtocol(without: ReadonlySet<RecallRule>): StateSpace {
  const plans = new Map<string, readonly WriterAction[]>();
  const planned = (world: World): readonly WriterAction[] => {
    const { stalledWatched, stalledAtAll, heartbeat } = world.is;
    const key = JSON.stringify([world.seen, stalledWatched, stalledAtAll, heartbeat]);
    const known = plans.get(key) ?? planWriter(observe(world, without));
    plans.set(key, known);
    return known;
  };
  return {
    starts: [encode({ is: START, seen: START })],
    steps: (state, emit) => {
      const world = decode(state);
      const emitCode: Emit = (next, name) => emit(encode(next), name);
      if (world.is.cutOff !== "no") return;
      surroundings(world, emitCode);
      emitNodeSteps(world, emitCode);
      const actions = planned(world);
      for (const action of actions) emitControllerSteps(world, action, emitCode);
      // Due actions are done long before the timeout expires once more. A silence is seen before that, too.
      if (actions.some((action) => action.kind === "BeginFence" || endsRecall(action))) return;
      passTime(world, emitCode);
      if (world.is.heartbeat === "stale" && isConnected(world.is))
        emitCode({ ...world, is: { ...world.is, heartbeat: "fresh" } }, "sends a heartbeat");
    },
    fault: (state) => {
      const { cutOff } = decode(state).is;
      return cutOff === "no" ? undefined : `a writer was fenced ${cutOff}`;
    },
  };
}

const START: Node = {
  record: "requested",
  recall: 0,
  answer: 0,
  bound: false,
  node: "using",
  hasTold: false,
  wasFlushing: false,
  hasUnseen: false,
  reachesStore: true,
  store: "works",
  watch: "tells",
  stalledWatched: false,
  stalledAtAll: false,
  heartbeat: "fresh",
  cutOff: "no",
};

function surroundings(world: World, emit: Emit): void {
  const { is } = world;
  const becomes = (changes: Partial<Node>, name: string): void => emit(after(world, changes), name);
  // The release check, for another node's request; and a new user, who renews it.
  if (is.record === "requested") becomes({ record: "unrequested" }, "the request is withdrawn");
  if (is.record === "unrequested") becomes({ record: "requested" }, "the request is renewed");
  if (is.record === "given")
    becomes({ record: "requested", node: "using" }, "the node is granted the volume again");
  becomes(
    { reachesStore: !is.reachesStore },
    is.reachesStore ? "the plug-in can't reach the store" : "the plug-in reaches the store",
  );
  becomes(
    { store: is.store === "works" ? "fails" : "works" },
    is.store === "works" ? "the store fails" : "the store works again",
  );
  if (is.watch === "tells") emit({ ...world, is: { ...is, watch: "cut" } }, "the controller's watch is cut");
  else {
    const stalled = is.hasUnseen ? { stalledWatched: false, stalledAtAll: false } : {};
    emit(
      { is: { ...is, watch: "tells", hasUnseen: false, ...stalled }, seen: is },
      "the controller lists again",
    );
  }
}

/** As long as the unmount timeout. A reachable node reports its progress in this time. */
function passTime(world: World, emit: Emit): void {
  const { is } = world;
  const reports = isConnected(is) && is.recall !== 0 && is.node === "flushing";
  if (reports && !is.hasTold) return;
  const isUnchanged = !is.hasTold;
  const isWatching = is.watch === "tells" && is.store === "works";
  const next = {
    ...is,
    hasTold: false,
    wasFlushing: is.node === "flushing",
    heartbeat: isWatching && !is.reachesStore ? "stale" : is.heartbeat,
    stalledWatched: isWatching ? isUnchanged : is.stalledWatched,
    // What it would use if it did not check whether it could watch.
    stalledAtAll: isWatching ? isUnchanged : true,
  } as const;
  emit({ ...world, is: next }, "time passes");
}

function isConnected({ reachesStore, store }: Node): boolean {
  return reachesStore && store === "works";
}

function endsRecall(action: WriterAction): boolean {
  return action.kind === "Recall" && !action.isDue;
}

function emitNodeSteps(world: World, emit: Emit): void {
  const { is } = world;
  const becomes = (changes: Partial<Node>, name: string): void => emit(after(world, changes), name);
  if (is.node === "using") becomes({ node: "flushing" }, "the workload ends, and its unmount flushes");
  if (is.node === "flushing") {
    becomes({ node: "stuck" }, "the unmount gets stuck");
    becomes({ node: "unmounted" }, "the unmount ends");
  }
  if (is.node === "stuck") becomes({ node: "flushing" }, "the unmount progresses");
  if (!isConnected(is) || is.record === "fencing") return;
  if (is.node === "unmounted" && is.record !== "given") becomes({ record: "given" }, "releases");
  if (is.recall === 0 || is.node === "unmounted") return;
  const isNews = is.answer !== is.recall || is.node === "flushing" || is.bound !== (is.node === "using");
  if (isNews) {
    const seen = is.watch === "tells" ? { stalledWatched: false, stalledAtAll: false } : { hasUnseen: true };
    becomes({ answer: is.recall, bound: is.node === "using", hasTold: true, ...seen }, "answers the recall");
  }
}

function emitControllerSteps(world: World, action: WriterAction, emit: Emit): void {
  const { is } = world;
  if (is.store === "fails") return;
  switch (action.kind) {
    case "Recall":
      if (!action.isDue) emit(after(world, { recall: 0 }), "ends the recall");
      else if (is.recall === 0 && is.answer < 2)
        emit(
          after(world, { recall: is.answer === 1 ? 2 : 1, stalledWatched: false, stalledAtAll: false }),
          "recalls",
        );
      return;
    case "BeginFence":
      // It begins on the fresh record; users are checked before only if just the timeout has expired.
      if (is.record !== "unrequested") return;
      if (action.ground === "stalled" && is.node === "using")
        emit(after(world, { record: "requested" }), "finds a user: requested again");
      else
        emit(after(world, { record: "fencing", cutOff: wrongWith(is) }), `begins a fence: ${action.ground}`);
      return;
    default:
  }
}

function wrongWith(is: Node): Node["cutOff"] {
  if (is.answer !== is.recall) return "for not answering";
  return is.wasFlushing && is.node === "flushing" ? "while its unmount progressed" : "no";
}

/** What the controller observes, without the rules that are left out. */
function observe({ is, seen }: World, without: ReadonlySet<RecallRule>): ObservedVolume {
  const stalled = (isStalled: boolean): number => (isStalled ? settings.unmountStallMs : 1_000);
  const nodeIsSilent = is.heartbeat === "stale" && !without.has("silent");
  const watchedUnchangedMs = stalled(without.has("watched") ? is.stalledAtAll : is.stalledWatched);
  const writer =
    seen.record === "given"
      ? aWriter("node-a", { held: false, requested: false })
      : aWriter("node-a", { requested: seen.record === "requested" });
  return anObservedVolume({
    volume: aVolumeWithRecord({
      writer,
      ...(seen.record === "fencing" ? { fencing: identity("node-a") } : {}),
    }),
    attachments: [
      {
        attachment: observedAttachment(seen, without),
        unchangedMs: stalled(is.stalledAtAll),
        watchedUnchangedMs,
      },
    ],
    nodes: [
      aNode("node-a", {
        heartbeatUnchangedMs: nodeIsSilent ? settings.heartbeatStaleMs : 1_000,
      }),
      aNode("node-b"),
    ],
  });
}

function observedAttachment(seen: Stored, without: ReadonlySet<RecallRule>): AzVolumeAttachment {
  const isAnswered = seen.answer !== 0 || without.has("answer");
  const answer =
    without.has("id") || (without.has("answer") && seen.answer !== seen.recall) ? seen.recall : seen.answer;
  return anAttachment("node-a", {
    spec:
      seen.recall === 0 ? {} : { recall: { id: String(seen.recall), since: agoMs(settings.unmountStallMs) } },
    status: isAnswered
      ? {
          recall: {
            id: String(answer),
            published: seen.bound ? ["/target"] : [],
            unmounting: !seen.bound,
            progress: "",
            time: agoMs(1_000),
          },
        }
      : {},
  });
}

/** A change, with what the controller sees of it at once if its watch works. */
function after(world: World, changes: Partial<Node>): World {
  const is = { ...world.is, ...changes };
  return { is, seen: is.watch === "tells" && is.store === "works" ? is : world.seen };
}

function encode({ is, seen }: World): number {
  return codec.encode(is) + codec.size * storedCodec.encode(seen);
}

function decode(state: number): World {
  return { is: codec.decode(state % codec.size), seen: storedCodec.decode(Math.floor(state / codec.size)) };
}
