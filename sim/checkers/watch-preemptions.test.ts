import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { instanceUriOf } from "../azure/vm-names.ts";
import { OUTSIDER } from "../history/vm-changes.ts";
import { aHistory, diskUri } from "./testing/a-history.ts";
import { watchPreemptions } from "./watch-preemptions.ts";

const AT_MS = 5_000;
const vm = instanceUriOf("node-a");

type World = Parameters<typeof watchPreemptions>[0];
type Call = ReturnType<World["journal"]["since"]>[number];
type Ended = World["operations"] extends () => Iterable<infer Operation> ? Operation : never;

/** What is reported when the driver force-detaches a disk as another client's update of the VM ends. */
function judged({
  call = {},
  update = {},
}: {
  readonly call?: Partial<Call>;
  readonly update?: Partial<Ended>;
}): readonly string[] {
  const history = aHistory();
  const entry = { managedDisk: { id: diskUri }, toBeDetached: true, detachOption: "ForceDetach" };
  const body = { properties: { storageProfile: { dataDisks: [entry] } } };
  const forced: Call = {
    sequence: 1,
    atMs: AT_MS,
    kind: "arm",
    method: "PATCH",
    path: vm,
    status: 200,
    caller: "controller-1",
    body,
    ...call,
  };
  const ended: Ended = {
    resourceId: vm.toUpperCase(),
    callers: [OUTSIDER],
    endedAtMs: AT_MS,
    error: { code: "DataDisksForceDetached" },
    ...update,
  };
  const watch = watchPreemptions({
    report: history.report,
    journal: { since: (sequence) => [forced].filter((one) => one.sequence > sequence) },
    operations: () => [ended],
  });
  watch.look();
  watch.look();
  return history.violations.map(({ invariant, detail }) => `${invariant}: ${detail}`);
}

describe("no forced detach ends another client's update", () => {
  it("reports one that does, once", () => {
    const detail = "controller-1 took vol-1 off flex_node-a by force during another client's update of it";
    assert.deepEqual(judged({}), [`update-preempted: ${detail}`]);
  });

  const allowed: readonly { readonly because: string; readonly history: Parameters<typeof judged>[0] }[] = [
    { because: "Azure refuses the detach", history: { call: { status: 409 } } },
    { because: "the detach is a regular one", history: { call: { body: { tags: {} } } } },
    { because: "another client forces it", history: { call: { caller: OUTSIDER } } },
    { because: "the update is the driver's own", history: { update: { callers: ["controller-1"] } } },
    { because: "the update moves a disk itself", history: { update: { diskIds: [diskUri] } } },
    { because: "the update ended before", history: { update: { endedAtMs: AT_MS - 1 } } },
    { because: "the update ended well", history: { update: { error: { code: "OperationPreempted" } } } },
    { because: "the update was of another VM", history: { update: { resourceId: instanceUriOf("node-b") } } },
  ];
  for (const { because, history } of allowed)
    it(`reports nothing if ${because}`, () => assert.deepEqual(judged(history), []));
});
