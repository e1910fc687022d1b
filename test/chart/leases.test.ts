import assert from "node:assert/strict";
import { it } from "node:test";
import { CONTROLLER_LEASE } from "../../src/core/api/lease.ts";
import { type Manifest, renderChart } from "./render-chart.ts";
import { whyNoHelm } from "./run-helm.ts";

const BUILD_TIMEOUT_MS = 280_000;
/** In another namespace than the driver's own, other Leases show which component runs the cluster. */
const OF_OTHERS = "kube-system";
/**
 * A right to create or to watch cannot be limited to a name. Other Leases can therefore be read, but not
 * changed.
 */
const WITHOUT_A_NAME = ["create", "list", "watch"];

interface Rule {
  readonly resources: readonly string[];
  readonly resourceNames?: readonly string[];
  readonly verbs: readonly string[];
}

it(
  "lets the driver write only the Lease that its controllers hold",
  { skip: (await whyNoHelm()) ?? false, timeout: BUILD_TIMEOUT_MS },
  async () => {
    const rules = rulesOf(await renderChart({ objectNamespace: OF_OTHERS }));
    const free = rules
      .filter(({ resourceNames }) => resourceNames === undefined)
      .flatMap(({ verbs }) => verbs);
    assert.deepEqual(
      free.filter((verb) => !WITHOUT_A_NAME.includes(verb)),
      [],
    );
    const own = rules
      .filter(({ resourceNames = [] }) => resourceNames.includes(CONTROLLER_LEASE))
      .map(({ verbs }) => verbs.join());
    assert.deepEqual(own.toSorted(), ["get", "get,update"]);
  },
);

it(
  "gives sidecars no write access to the Lease that identifies another driver",
  { skip: (await whyNoHelm()) ?? false, timeout: BUILD_TIMEOUT_MS },
  async () => {
    const manifests = await renderChart({});
    const workloads = manifests.flatMap(
      ({ spec }) =>
        (
          spec as {
            readonly template?: {
              readonly spec: { readonly containers: readonly { readonly name: string }[] };
            };
          }
        )?.template ?? [],
    );
    assert.deepEqual(
      workloads
        .flatMap(({ spec }) => spec.containers.map(({ name }) => name))
        .filter((name) => name.includes("snapshotter")),
      [],
    );
    const named = rulesOf(manifests).filter(({ resourceNames = [] }) =>
      resourceNames.includes("external-snapshotter-leader-disk-csi-azure-com"),
    );
    assert.deepEqual(
      named.map(({ verbs }) => verbs),
      [["get"]],
    );
  },
);

/** The rules of all roles that cover Leases. */
function rulesOf(manifests: readonly Manifest[]): readonly Rule[] {
  const roles = manifests.filter(({ kind }) => kind === "Role" || kind === "ClusterRole");
  return roles.flatMap((role) =>
    (role["rules"] as readonly Rule[]).filter(({ resources }) => resources.includes("leases")),
  );
}
