import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import type { PodRules, SpreadConstraint, SpreadView } from "../../core/schedule/pod-rules.ts";
import { zoneSpread } from "../../core/schedule/testing/placement.ts";
import { countsPod } from "../../core/schedule/topology-spread.ts";
import { createSpreadViews } from "./spread-views.ts";
import { aCoreCluster, type CoreCluster } from "./testing/core-cluster.ts";
import { PODS, putNode, putPod } from "./testing/core-objects.ts";

type User = Pick<PodRules, "namespace" | "spread">;

function spreadBy(selector: SpreadConstraint["selector"]): SpreadConstraint {
  return { ...zoneSpread, selector };
}

function putIn(
  cluster: CoreCluster,
  namespace: string,
  name: string,
  labels: Readonly<Record<string, string>>,
): void {
  putPod(cluster, name, { metadata: { namespace, labels } });
}

describe("createSpreadViews", () => {
  it("returns each counted pod once, whatever the selector and what changed", async () => {
    const label = fc.record(
      { app: fc.constantFrom("db", "web"), tier: fc.constantFrom("1", "2") },
      { requiredKeys: [] },
    );
    const namespace = fc.constantFrom("default", "test");
    const change = fc.record({
      namespace,
      name: fc.constantFrom("a", "b", "c"),
      labels: fc.option(label, { nil: undefined }),
    });
    const requirement = fc.record({
      key: fc.constantFrom("app", "tier", "toString"),
      operator: fc.constantFrom("In", "NotIn", "Exists", "DoesNotExist"),
      values: fc.array(fc.constantFrom("db", "web", "1", "2"), { minLength: 1, maxLength: 3 }),
    });
    const selector = fc.option(fc.array(requirement, { maxLength: 2 }), { nil: undefined });
    const user = fc.record({ namespace, spread: fc.array(selector.map(spreadBy), { maxLength: 2 }) });
    const asked = fc.array(user, { minLength: 1, maxLength: 2 });
    await fc.assert(
      fc.asyncProperty(
        fc.array(change, { maxLength: 6 }),
        fc.array(asked, { minLength: 1, maxLength: 3 }),
        async (changes, questions) => {
          const cluster = aCoreCluster();
          const { pods } = cluster.caches;
          const viewOf = createSpreadViews(cluster.caches);
          for (const { namespace: of, name, labels } of changes) {
            if (labels === undefined) cluster.remove(PODS, `${of}/${name}`);
            else putIn(cluster, of, name, labels as Readonly<Record<string, string>>);
            await cluster.show();
            for (const users of questions) {
              const shown = viewOf(users).pods.map((pod) => `${pod.namespace}/${pod.name}`);
              const counted = pods
                .list()
                .filter(({ metadata, labels: own }) =>
                  users.some((each) => countsPod(each, { namespace: metadata.namespace, labels: own })),
                );
              assert.deepEqual(
                shown.toSorted(),
                counted.map(({ metadata }) => `${metadata.namespace}/${metadata.name}`).toSorted(),
              );
            }
          }
        },
      ),
      { numRuns: 300 },
    );
  });

  it("keeps a view while other namespaces change, and drops the oldest of many", async () => {
    const cluster = aCoreCluster();
    putNode(cluster, "node-a");
    putIn(cluster, "default", "db-0", { app: "db" });
    await cluster.show();
    const viewOf = createSpreadViews(cluster.caches);
    const by = (index: number, namespace = "default"): readonly User[] => [
      { namespace, spread: [spreadBy([{ key: "app", operator: "In", values: [`${index}`] }])] },
    ];
    const [first, second] = [viewOf(by(0)), viewOf(by(1))];
    const isKept = (view: SpreadView, index: number): boolean => viewOf(by(index)) === view;

    putIn(cluster, "test", "db-0", { app: "db" });
    await cluster.show();
    assert.ok(isKept(first, 0), "a pod of another namespace has come");
    for (let index = 2; index < 1_000; index++) viewOf(by(index));
    assert.ok(isKept(first, 0), "a thousand views");
    viewOf(by(1_000));
    assert.ok(isKept(second, 1), "one view more than a thousand replaces the oldest alone");
    assert.ok(!isKept(first, 0), "the oldest");

    const [two] = [viewOf([...by(2), ...by(2, "test")])];
    putIn(cluster, "test", "db-1", { app: "db" });
    await cluster.show();
    assert.notEqual(viewOf([...by(2), ...by(2, "test")]), two, "a pod of one of its namespaces has come");
  });
});
