import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { parseAuditLog } from "./audit-log.ts";
import { forbiddenRequests, unusedRights } from "./judge-rights.ts";
import { rightsOf } from "./right.ts";

const START_MS = Date.parse("2026-01-01T00:00:00Z");
const SEVEN_MINUTES_S = 420;
const binding = {
  metadata: { name: "csi-azuredisk-node", namespace: "azure-disk-csi" },
  subjects: [{ name: "node-sa" }],
  roleRef: { kind: "Role", name: "csi-azuredisk-node" },
};
const role = {
  metadata: { name: "csi-azuredisk-node", namespace: "azure-disk-csi" },
  rules: [
    { apiGroups: [""], resources: ["events"], verbs: ["create", "patch"] },
    { apiGroups: ["coordination.k8s.io"], resources: ["leases"], resourceNames: ["one"], verbs: ["get"] },
  ],
};
const granted = rightsOf([binding], [role]);

interface Line {
  readonly user?: string;
  readonly verb: string;
  readonly object: object;
  readonly decision?: "allow" | "forbid";
  readonly code?: number;
  readonly afterS?: number;
}

function audited(...lines: readonly Line[]): ReturnType<typeof parseAuditLog> {
  const text = lines.map(({ user = "system:serviceaccount:kube-system:node-sa", ...line }) =>
    JSON.stringify({
      verb: line.verb,
      user: { username: user },
      objectRef: { namespace: "azure-disk-csi", ...line.object },
      responseStatus: { code: line.code ?? 200 },
      annotations: { "authorization.k8s.io/decision": line.decision ?? "allow" },
      stageTimestamp: new Date(START_MS + (line.afterS ?? 0) * 1_000).toISOString(),
    }),
  );
  return parseAuditLog(`${text.join("\n")}\n{"half`);
}

/** What an API server has allowed until `s`, long since its start: each half second one request. */
function runningUntil(s: number): readonly Line[] {
  return Array.from({ length: 22 }, (_, at) => ({
    verb: "get",
    object: { resource: "leases" },
    afterS: s - 11 + at / 2,
  }));
}

describe("judging rights by an audit log", () => {
  const events = { resource: "events" };
  const changed = {
    user: "admin",
    verb: "delete",
    object: { apiGroup: "rbac.authorization.k8s.io", resource: "roles", name: "csi-azuredisk-node" },
  };

  it("names the rights that no request has used, by verb, name and namespace", () => {
    const lease = { apiGroup: "coordination.k8s.io", resource: "leases" };
    const log = audited(
      { verb: "create", object: events },
      { verb: "patch", object: { ...events, namespace: "default" } },
      { verb: "get", object: { ...lease, name: "other" } },
    );
    assert.deepEqual(unusedRights(log, granted), [
      "node-sa: get leases.coordination.k8s.io named one in azure-disk-csi",
      "node-sa: patch events in azure-disk-csi",
    ]);
    const used = audited(
      { verb: "create", object: events },
      { verb: "patch", object: events },
      { verb: "get", object: { ...lease, name: "one" } },
    );
    assert.deepEqual(unusedRights(used, granted), []);
  });

  it("names what is forbidden, also while rights change if nothing ever allows it", () => {
    const forbidden = { verb: "list", object: { resource: "secrets" }, decision: "forbid" } as const;
    for (const log of [audited(forbidden), audited(changed, forbidden)])
      assert.deepEqual(forbiddenRequests(log, granted), ["node-sa: list secrets in azure-disk-csi"]);
  });

  it("counts what admission refuses as used and not forbidden", () => {
    const log = audited({ verb: "create", object: events, code: 403 });
    assert.deepEqual(forbiddenRequests(log, granted), []);
    assert.ok(!unusedRights(log, granted).includes("node-sa: create events in azure-disk-csi"));
  });

  it("leaves out what an API server forbids that starts, if it allows that otherwise", () => {
    const request = { verb: "create", object: events };
    const starting = [
      { ...request, decision: "forbid", afterS: 5 },
      { ...request, afterS: 5.5 },
      { ...request, decision: "forbid", afterS: 5.6 },
    ] as const;
    assert.deepEqual(forbiddenRequests(audited(request, ...starting), granted), []);
    const partlyRead = { verb: "get", object: { resource: "leases" }, afterS: 4.9 } as const;
    assert.deepEqual(forbiddenRequests(audited(request, partlyRead, ...starting), granted), []);
    assert.deepEqual(forbiddenRequests(audited(...runningUntil(5), ...starting), granted), [
      "node-sa: create events in azure-disk-csi",
    ]);
  });

  it("leaves out what an ending pod may no longer do, for six minutes", () => {
    const ending = { verb: "create", object: events, decision: "forbid", afterS: 30 } as const;
    assert.deepEqual(forbiddenRequests(audited(changed, ending), granted), []);
    const earlier = { ...ending, decision: "allow", afterS: -30 } as const;
    assert.deepEqual(forbiddenRequests(audited(earlier, changed, ending), []), []);
    const later = { ...ending, afterS: SEVEN_MINUTES_S };
    assert.deepEqual(forbiddenRequests(audited(changed, ...runningUntil(SEVEN_MINUTES_S), later), granted), [
      "node-sa: create events in azure-disk-csi",
    ]);
  });
});
