import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type Json, listAt, numberAt, textAt } from "../api/json.ts";
import { aModel, codeOf, COMPUTE, listBody, type ModelFixture } from "../testing/model-fixture.ts";

const MINUTE_MS = 60_000;
const POOL = "virtualMachineScaleSets/pool";

/** Whose latencies are exact: what a test waits for is the notice. */
function exact(fixture: ModelFixture): ModelFixture {
  const { settings } = fixture.model.world;
  const work = { medianMs: MINUTE_MS, p99Ms: MINUTE_MS };
  const latencies = {
    ...settings.latencies,
    vmRestart: work,
    vmRedeploy: work,
    vmReimage: work,
    vmDelete: work,
  };
  fixture.model.world.settings = { ...settings, latencies };
  return fixture;
}

const imds = (vm: string): string => `/emulator/v1/imds/${vm}/metadata/scheduledevents`;

function eventsOf(fixture: ModelFixture, vm: string): readonly Json[] {
  return listAt(fixture.send("GET", imds(vm)).body, "Events") ?? [];
}

/** `Reboot Scheduled node-a`: the events that a VM sees. */
function seen(fixture: ModelFixture, vm: string): string {
  return eventsOf(fixture, vm)
    .map((event) =>
      [
        textAt(event, "EventType"),
        textAt(event, "EventStatus"),
        ...(listAt(event, "Resources") ?? []).map(String),
      ].join(" "),
    )
    .join(", ");
}

function approve(fixture: ModelFixture, vm: string, events = eventsOf(fixture, vm)): number {
  const StartRequests = events.map((event) => ({ EventId: textAt(event, "EventId") }));
  return fixture.send("POST", imds(vm), { StartRequests }).status;
}

const incarnation = (fixture: ModelFixture, vm: string): number | undefined =>
  numberAt(fixture.send("GET", imds(vm)).body, "DocumentIncarnation");

function statusOf(
  fixture: ModelFixture,
  started: { readonly headers: Readonly<Record<string, string>> },
): unknown {
  return textAt(
    fixture.send("GET", new URL(started.headers["azure-asyncoperation"] ?? "").pathname).body,
    "status",
  );
}

/** A pool of two instances whose deletion waits for five minutes. */
function aPool(): ModelFixture {
  const pool = exact(aModel({ virtualMachines: [{ name: "alone" }] }));
  const terminateNotificationProfile = { enable: true, notBeforeTimeout: "PT5M" };
  pool.finish("PUT", POOL, {
    location: "eastus",
    sku: { name: "Standard_D8s_v5", capacity: 2 },
    properties: { virtualMachineProfile: { scheduledEventsProfile: { terminateNotificationProfile } } },
  });
  return pool;
}

describe("a scheduled event that a client's call causes", () => {
  const rows = [
    ["restart", "Reboot", 15],
    ["redeploy", "Redeploy", 10],
    ["reimage", "Reboot", 15],
  ] as const;
  for (const [action, type, minutes] of rows)
    it(`delays a ${action} by ${minutes} minutes, if the guest asks for events`, () => {
      const fixture = exact(aModel());
      seen(fixture, "node-a");
      const started = fixture.send("POST", `virtualMachines/node-a/${action}`);
      assert.equal(seen(fixture, "node-a"), `${type} Scheduled node-a`);
      fixture.advance(minutes * MINUTE_MS - 1);
      assert.equal(seen(fixture, "node-a"), `${type} Scheduled node-a`);
      fixture.advance(1);
      assert.equal(seen(fixture, "node-a"), `${type} Started node-a`);
      assert.equal(statusOf(fixture, started), "InProgress");
      fixture.advance(MINUTE_MS);
      assert.deepEqual([seen(fixture, "node-a"), statusOf(fixture, started)], ["", "Succeeded"]);
    });

  it("delays nothing on a VM whose guest has not asked for events for a day", () => {
    const fixture = exact(aModel());
    const restartedAt = (): number => {
      const beganMs = fixture.nowMs();
      fixture.finish("POST", "virtualMachines/node-a/restart");
      return fixture.nowMs() - beganMs;
    };
    assert.equal(restartedAt(), MINUTE_MS);
    seen(fixture, "node-a");
    assert.equal(restartedAt(), 16 * MINUTE_MS);
    fixture.advance(24 * 60 * MINUTE_MS);
    assert.equal(restartedAt(), MINUTE_MS);
  });

  it("ends its notice with the approval, which can be repeated", () => {
    const fixture = exact(aModel());
    seen(fixture, "node-a");
    const started = fixture.send("POST", "virtualMachines/node-a/redeploy");
    const events = eventsOf(fixture, "node-a");
    assert.equal(approve(fixture, "node-a", events), 200);
    assert.equal(seen(fixture, "node-a"), "Redeploy Started node-a");
    fixture.advance(MINUTE_MS / 2);
    assert.equal(approve(fixture, "node-a", events), 200);
    fixture.advance(MINUTE_MS / 2);
    assert.deepEqual([seen(fixture, "node-a"), statusOf(fixture, started)], ["", "Succeeded"]);
    assert.equal(approve(fixture, "node-a", events), 200);
  });

  it("has the members that agents read, and moves the incarnation at each change", () => {
    const fixture = exact(aModel());
    assert.deepEqual(fixture.send("GET", imds("node-a")).body, { DocumentIncarnation: 1, Events: [] });
    fixture.send("POST", "virtualMachines/node-a/restart");
    const [event] = eventsOf(fixture, "node-a");
    const { EventId, ...rest } = event as { readonly EventId: string };
    assert.match(EventId, /^[0-9A-F-]{36}$/);
    assert.deepEqual(rest, {
      EventStatus: "Scheduled",
      EventType: "Reboot",
      ResourceType: "VirtualMachine",
      Resources: ["node-a"],
      NotBefore: "Tue, 14 Nov 2023 22:28:20 GMT",
      Description: "Virtual machine is going to be interrupted as requested by authorized user.",
      EventSource: "User",
      DurationInSeconds: -1,
    });
    assert.equal(incarnation(fixture, "node-a"), 2);
    approve(fixture, "node-a");
    assert.deepEqual(
      [incarnation(fixture, "node-a"), textAt(eventsOf(fixture, "node-a")[0], "NotBefore")],
      [3, ""],
    );
    fixture.settle();
    assert.equal(incarnation(fixture, "node-a"), 4);
  });

  it("is seen and approved by the VMs of its scale set, and by no other", () => {
    const pool = aPool();
    seen(pool, "pool_0");
    pool.send("POST", `${POOL}/virtualMachines/0/redeploy`);
    assert.deepEqual(
      ["pool_0", "pool_1", "alone"].map((vm) => seen(pool, vm)),
      ["Redeploy Scheduled pool_0", "Redeploy Scheduled pool_0", ""],
    );
    assert.equal(approve(pool, "alone", eventsOf(pool, "pool_0")), 400);
    assert.equal(seen(pool, "pool_0"), "Redeploy Scheduled pool_0");
    assert.equal(approve(pool, "pool_1"), 200);
    assert.equal(seen(pool, "pool_0"), "Redeploy Started pool_0");
  });

  it("of one instance delays an action on all of them, until its approval", () => {
    const pool = aPool();
    seen(pool, "pool_1");
    const started = pool.send("POST", `${POOL}/redeploy`);
    assert.equal(seen(pool, "pool_0"), "Redeploy Scheduled pool_1");
    pool.advance(2 * MINUTE_MS);
    assert.equal(statusOf(pool, started), "InProgress");
    approve(pool, "pool_1");
    pool.advance(MINUTE_MS);
    assert.deepEqual([statusOf(pool, started), seen(pool, "pool_0")], ["Succeeded", ""]);
  });

  it("keeps other writes of the VM out, and ends with an action that takes over", () => {
    const fixture = exact(aModel());
    seen(fixture, "node-a");
    fixture.send("POST", "virtualMachines/node-a/restart");
    assert.equal(
      codeOf(fixture.send("PATCH", "virtualMachines/node-a", listBody({})).body),
      "OperationNotAllowed",
    );
    fixture.send("DELETE", "virtualMachines/node-a");
    assert.equal(seen(fixture, "node-a"), "");
  });

  it("is refused as malformed without a list, and with an id that there is not", () => {
    const fixture = aModel();
    for (const body of [undefined, {}, { StartRequests: [{ EventId: "none" }] }, { StartRequests: ["x"] }])
      assert.equal(fixture.send("POST", imds("node-a"), body).status, 400);
    assert.equal(fixture.send("GET", imds("unknown")).status, 404);
  });
});

describe("a terminate notification", () => {
  it("delays the deletion of an instance until its guest approves", () => {
    const pool = aPool();
    const deleted = pool.send("DELETE", `${POOL}/virtualMachines/1`);
    assert.equal(seen(pool, "pool_0"), "Terminate Scheduled pool_1");
    pool.advance(4 * MINUTE_MS);
    approve(pool, "pool_1");
    pool.advance(MINUTE_MS);
    assert.deepEqual([statusOf(pool, deleted), seen(pool, "pool_0")], ["Succeeded", ""]);
    assert.equal(pool.send("GET", imds("pool_1")).status, 404);
  });

  it("delays a scale-in until all that leave have approved, or their time is over", () => {
    const pool = aPool();
    const shrunk = pool.send("PATCH", POOL, { sku: { capacity: 0 } });
    assert.equal(seen(pool, "pool_0"), "Terminate Scheduled pool_0, Terminate Scheduled pool_1");
    const [first, second] = eventsOf(pool, "pool_0");
    approve(pool, "pool_0", first === undefined ? [] : [first]);
    assert.equal(seen(pool, "pool_0"), "Terminate Started pool_0, Terminate Scheduled pool_1");
    pool.advance(2 * MINUTE_MS);
    assert.equal(statusOf(pool, shrunk), "InProgress");
    approve(pool, "pool_0", second === undefined ? [] : [second]);
    pool.advance(MINUTE_MS);
    assert.equal(statusOf(pool, shrunk), "Succeeded");
    pool.finish("PATCH", POOL, { sku: { capacity: 1 } });
    const deleted = pool.send("POST", `${POOL}/delete`, { instanceIds: ["2"] });
    pool.advance(6 * MINUTE_MS - 1);
    assert.equal(statusOf(pool, deleted), "InProgress");
    pool.advance(1);
    assert.equal(statusOf(pool, deleted), "Succeeded");
  });

  it("is that of the model which the instance has, and is not one without a profile", () => {
    const pool = aPool();
    pool.finish("PATCH", POOL, { properties: { virtualMachineProfile: {} } });
    pool.send("DELETE", `${POOL}/virtualMachines/0`);
    assert.equal(seen(pool, "pool_1"), "Terminate Scheduled pool_0");
    const terminateNotificationProfile = { enable: false };
    pool.settle();
    pool.finish("PATCH", POOL, {
      properties: { virtualMachineProfile: { scheduledEventsProfile: { terminateNotificationProfile } } },
    });
    pool.finish("POST", `${POOL}/manualupgrade`, { instanceIds: ["1"] });
    pool.send("DELETE", `${POOL}/virtualMachines/1`);
    assert.equal(seen(pool, "pool_1"), "");
  });

  it("is refused outside the 5 to 15 minutes that Azure permits", () => {
    const { send } = aModel({ virtualMachines: [] });
    const terminateNotificationProfile = { enable: true, notBeforeTimeout: "PT20M" };
    const { status, body } = send("PUT", POOL, {
      location: "eastus",
      properties: { virtualMachineProfile: { scheduledEventsProfile: { terminateNotificationProfile } } },
    });
    assert.deepEqual([status, codeOf(body)], [400, "InvalidParameter"]);
    assert.match(textAt(body, "error", "message") ?? "", /'PT20M' .* from PT5M to PT15M/);
  });
});

describe("maintenance by the platform", () => {
  const schedule = (fixture: ModelFixture, eventType: string, more: object = {}): Json | undefined => {
    const vmId = `${COMPUTE}/virtualMachines/node-a`;
    return fixture.send("POST", "/emulator/v1/scheduledEvents", { vmId, eventType, ...more }).body;
  };
  const powerOf = (fixture: ModelFixture): unknown =>
    textAt(
      (listAt(fixture.send("GET", "virtualMachines/node-a/instanceView").body, "statuses") ?? [])[1],
      "code",
    );

  const rows = [
    ["Freeze", "PowerState/running", 9000],
    ["Reboot", "PowerState/running", MINUTE_MS],
    ["Redeploy", "PowerState/running", MINUTE_MS],
  ] as const;
  for (const [type, power, workMs] of rows)
    it(`${type} starts with the approval, and lasts as long as its work`, () => {
      const fixture = exact(aModel());
      schedule(fixture, type);
      assert.equal(seen(fixture, "node-a"), `${type} Scheduled node-a`);
      assert.equal(fixture.send("PATCH", "virtualMachines/node-a", listBody({})).status, 200);
      fixture.settle();
      assert.equal(seen(fixture, "node-a"), "");
      schedule(fixture, type);
      approve(fixture, "node-a");
      assert.equal(seen(fixture, "node-a"), `${type} Started node-a`);
      fixture.advance(workMs - 1);
      assert.equal(seen(fixture, "node-a"), `${type} Started node-a`);
      fixture.advance(1);
      assert.deepEqual([seen(fixture, "node-a"), powerOf(fixture)], ["", power]);
    });

  it("deallocates a preempted VM after half a minute, or deletes it by its policy", () => {
    const fixture = exact(aModel());
    schedule(fixture, "Preempt");
    fixture.advance(30_000 - 1);
    assert.equal(powerOf(fixture), "PowerState/running");
    fixture.settle();
    assert.equal(powerOf(fixture), "PowerState/deallocated");
    fixture.finish("PUT", "virtualMachines/node-a", {
      location: "eastus",
      properties: { evictionPolicy: "Delete" },
    });
    schedule(fixture, "Preempt", { noticeS: 1 });
    fixture.settle();
    assert.equal(fixture.send("GET", "virtualMachines/node-a").status, 404);
  });

  // As azure-cli's test of `az vm simulate-eviction` against Azure expects.
  it("is a client's to simulate for a Spot VM, by itself or in a scale set", () => {
    const fixture = exact(aModel());
    const refused = fixture.send("POST", "virtualMachines/node-a/simulateEviction");
    assert.deepEqual(
      [refused.status, codeOf(refused.body), textAt(refused.body, "error", "message")],
      [409, "OperationNotAllowed", "Operation 'simulateEviction' is allowed only for Spot Virtual Machines"],
    );
    assert.equal(fixture.send("POST", "virtualMachines/none/simulateEviction").status, 404);
    fixture.finish("PATCH", "virtualMachines/node-a", { properties: { priority: "Spot" } });
    assert.equal(fixture.send("POST", "virtualMachines/node-a/simulateEviction").status, 204);
    assert.equal(seen(fixture, "node-a"), "Preempt Scheduled node-a");
    fixture.settle();
    assert.equal(powerOf(fixture), "PowerState/deallocated");
    fixture.finish("PUT", "virtualMachineScaleSets/pool", {
      location: "eastus",
      sku: { name: "Standard_D8s_v5", capacity: 1 },
      properties: { virtualMachineProfile: { priority: "Spot", evictionPolicy: "Delete" } },
    });
    const instance = "virtualMachineScaleSets/pool/virtualMachines/0";
    assert.equal(fixture.send("POST", `${instance}/simulateEviction`).status, 204);
    fixture.settle();
    assert.equal(fixture.send("GET", instance).status, 404);
  });

  it("waits for the write under way, and passes over a VM that is gone", () => {
    const fixture = exact(aModel());
    schedule(fixture, "Redeploy", { noticeS: 60 });
    fixture.advance(30_000);
    const restarted = fixture.send("POST", "virtualMachines/node-a/restart");
    fixture.advance(30_000);
    assert.equal(seen(fixture, "node-a"), "Redeploy Started node-a");
    fixture.advance(30_000);
    assert.equal(statusOf(fixture, restarted), "Succeeded");
    assert.equal(
      textAt(fixture.send("GET", "virtualMachines/node-a").body, "properties", "provisioningState"),
      "Updating",
    );
    fixture.settle();
    assert.equal(seen(fixture, "node-a"), "");
    schedule(fixture, "Reboot", { noticeS: 60 });
    fixture.finish("DELETE", "virtualMachines/node-a");
    assert.equal(seen(fixture, "node-b"), "");
    assert.equal(fixture.model.nextEventAtMs(), undefined);
  });

  it("of a rolling upgrade leaves an instance to its clients until the approval", () => {
    const pool = aPool();
    pool.finish("PATCH", POOL, {
      properties: { virtualMachineProfile: { networkProfile: { healthProbe: { id: "/any/probe" } } } },
    });
    seen(pool, "pool_0");
    const started = pool.send("POST", `${POOL}/osRollingUpgrade`);
    assert.equal(seen(pool, "pool_1"), "Reboot Scheduled pool_0");
    const written = pool.send("PUT", `${POOL}/virtualMachines/0`, listBody({}));
    assert.equal(written.status, 200);
    approve(pool, "pool_0");
    assert.equal(statusOf(pool, written), "InProgress");
    pool.advance(10 * MINUTE_MS);
    assert.equal(seen(pool, "pool_1"), "Reboot Scheduled pool_1", "it asks for events, too");
    assert.deepEqual([statusOf(pool, written), statusOf(pool, started)], ["Succeeded", "InProgress"]);
    approve(pool, "pool_1");
    pool.settle();
    assert.deepEqual([statusOf(pool, started), seen(pool, "pool_0")], ["Succeeded", ""]);
  });

  it("is refused with what the call permits", () => {
    const fixture = aModel();
    for (const [body, pattern] of [
      [{ eventType: "Terminate" }, /one of Freeze, Reboot, Redeploy, Preempt/],
      [{ eventType: "Freeze", noticeS: -1 }, /'noticeS' is a number of seconds/],
    ] as const)
      assert.match(
        textAt(fixture.send("POST", "/emulator/v1/scheduledEvents", body).body, "error", "message") ?? "",
        pattern,
      );
  });
});
