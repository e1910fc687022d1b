import { readFile } from "node:fs/promises";

/** One spec of csi-sanity as Ginkgo reports it. */
export interface Spec {
  readonly name: string;
  readonly state:
    | "passed"
    | "failed"
    | "skipped"
    | "pending"
    | "timedout"
    | "panicked"
    | "interrupted"
    | "aborted";
  /** Why it failed or skipped itself; empty if it passed. */
  readonly message: string;
}

/** The part of Ginkgo's JSON report that is read here. */
interface GinkgoSuite {
  readonly SpecReports: readonly {
    readonly ContainerHierarchyTexts: readonly string[] | null;
    readonly LeafNodeType: string;
    readonly LeafNodeText: string;
    readonly State: Spec["state"];
    readonly Failure?: {
      readonly Message?: string;
      readonly Location?: { readonly FileName?: string; readonly LineNumber?: number };
    };
  }[];
}

/** The specs of a report written with `--ginkgo.json-report`, in the order in which they ran. */
export async function readGinkgoReport(path: string): Promise<readonly Spec[]> {
  const suites = JSON.parse(await readFile(path, "utf8")) as readonly GinkgoSuite[];
  return suites
    .flatMap((suite) => suite.SpecReports)
    .filter((spec) => spec.LeafNodeType === "It" || spec.State === "failed")
    .map((spec) => {
      const at = spec.Failure?.Location;
      const place =
        at === undefined || spec.State === "skipped" ? "" : ` (${at.FileName ?? "?"}:${at.LineNumber ?? 0})`;
      return {
        name: [...(spec.ContainerHierarchyTexts ?? []), spec.LeafNodeText].join(" › "),
        state: spec.State,
        message: spec.Failure?.Message === undefined ? "" : `${spec.Failure.Message}${place}`,
      };
    });
}
