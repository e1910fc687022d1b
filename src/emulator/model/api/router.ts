import type { World } from "../world.ts";
import type { ArmCall, ArmMethod, HandlerResult } from "./arm-message.ts";

export type Handler = (world: World, call: ArmCall) => HandlerResult;

export interface Route {
  /** The operation's name in Azure's API description; fault rules and the journal use it. */
  readonly operation: string;
  readonly method: ArmMethod;
  /** `{name}` matches one segment; everything else is compared without regard to case. */
  readonly pattern: string;
  /** A route of the emulator's own API: no api-version, no throttling, no faults. */
  readonly isAdmin?: boolean;
  readonly handler: Handler;
}

export interface RouteMatch {
  readonly route: Route;
  readonly params: Readonly<Record<string, string>>;
}

/** The result for a path: a route, only other methods of it, or nothing. */
export type Routed =
  | ({ readonly kind: "Found" } & RouteMatch)
  | { readonly kind: "WrongMethod" }
  | { readonly kind: "Unknown" };

interface CompiledRoute {
  readonly route: Route;
  readonly segments: readonly { readonly text: string; readonly isParam: boolean }[];
}

/**
 * Looks routes up by their number of segments first, so that a call is compared with only a few of them.
 */
export function createRouter(routes: readonly Route[]): (method: string, path: string) => Routed {
  const byLength = Map.groupBy(routes.map(compile), (compiled) => compiled.segments.length);
  return (method, path) => {
    const segments = split(path);
    const lower = split(path.toLowerCase());
    const fitting = (byLength.get(segments.length) ?? []).filter((compiled) => fits(compiled, lower));
    const found = fitting.find((compiled) => compiled.route.method === method);
    if (found === undefined) return { kind: fitting.length > 0 ? "WrongMethod" : "Unknown" };
    return { kind: "Found", route: found.route, params: paramsOf(found, segments) };
  };
}

function compile(route: Route): CompiledRoute {
  const segments = split(route.pattern).map((segment) =>
    segment.startsWith("{")
      ? { text: segment.slice(1, -1), isParam: true }
      : { text: segment.toLowerCase(), isParam: false },
  );
  return { route, segments };
}

function fits(compiled: CompiledRoute, lower: readonly string[]): boolean {
  // Compared from the end: paths differ there, and begin alike.
  return (
    compiled.segments.findLastIndex((segment, index) => !segment.isParam && segment.text !== lower[index]) < 0
  );
}

function paramsOf(compiled: CompiledRoute, segments: readonly string[]): Readonly<Record<string, string>> {
  return Object.fromEntries(
    compiled.segments.flatMap((segment, index) =>
      segment.isParam ? [[segment.text, segments[index] ?? ""]] : [],
    ),
  );
}

function split(path: string): readonly string[] {
  return path.split("/").filter((segment) => segment !== "");
}
