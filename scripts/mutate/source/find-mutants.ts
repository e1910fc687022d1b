import type { Mutant, SourceSpan } from "./mutant.ts";
import { changesOfExpression, changesOfHead, changesOfStatement } from "./operators.ts";
import type { Change } from "./operators.ts";
import { childOf, childrenOf, isNode, parseSource } from "./syntax-tree.ts";
import type { SyntaxNode } from "./syntax-tree.ts";

/** Calls that decide nothing: their arguments are for people, or never false. */
const IGNORED_CALLS = ["invariant", "unreachable"];
const IGNORED_OBJECTS = ["logger", "log"];
/** Nodes that load modules. */
const LEFT_OUT = ["ImportDeclaration", "ExportAllDeclaration", "ImportExpression"];
/** TypeScript's nodes around an expression that runs. */
const TYPED_EXPRESSIONS = ["TSAsExpression", "TSSatisfiesExpression", "TSNonNullExpression"];

/** The part of the tree that contains a node. */
interface Place {
  /**
   * An optional chain ends as a whole where a link of it is missing, so a change in it is switched around
   * the whole chain.
   */
  readonly chain: SourceSpan | undefined;
}

/** Every mutant of a source, in the order of position. */
export function findMutants(file: string, source: string): readonly Mutant[] {
  const lineStarts = [0, ...[...source.matchAll(/\n/gu)].map(({ index }) => index + 1)];
  const mutants: Mutant[] = [];
  const add = (changes: readonly Change[], site: Mutant["site"]): void => {
    for (const { operator, edit } of changes) {
      const line = lineStarts.findLastIndex((start) => start <= edit.start);
      mutants.push({
        file,
        line: line + 1,
        column: edit.start - (lineStarts[line] ?? 0) + 1,
        operator,
        edit,
        site,
      });
    }
  };

  const visit = (node: SyntaxNode, place: Place): void => {
    if (isLeftOut(node, source)) return;
    const isLink = place.chain !== undefined && isChainLink(node);
    const site = isLink ? (place.chain ?? node) : node;
    add(changesOfExpression(node, source), { start: site.start, end: site.end, kind: "expression" });
    add(changesOfStatement(node), { start: node.start, end: node.end, kind: "statement" });
    for (const change of changesOfHead(node))
      add([change], { start: change.edit.start, end: change.edit.end, kind: "expression" });
    const headOfChain = isLink
      ? childOf(node, node.type === "CallExpression" ? "callee" : "object")
      : undefined;
    for (const child of childrenThatRun(node)) {
      if (node.type === "ChainExpression") visit(child, { chain: { start: node.start, end: node.end } });
      else visit(child, { chain: child === headOfChain ? place.chain : undefined });
    }
  };
  visit(parseSource(file, source).program, { chain: undefined });
  return mutants
    .filter(isFirstOfItsKind)
    .toSorted((left, right) => left.edit.start - right.edit.start || left.edit.end - right.edit.end);
}

/** The same text at the same place is one mutant, even if several operators produce it. */
function isFirstOfItsKind({ edit }: Mutant, index: number, all: readonly Mutant[]): boolean {
  const isSame = (other: Mutant): boolean =>
    other.edit.start === edit.start && other.edit.end === edit.end && other.edit.text === edit.text;
  return all.findIndex(isSame) === index;
}

function isChainLink(node: SyntaxNode): boolean {
  return isNode(node, "CallExpression", "MemberExpression");
}

/**
 * The children whose text is an expression or a statement that runs: no types, no names of fields, no
 * assignment targets.
 */
function childrenThatRun(node: SyntaxNode): readonly SyntaxNode[] {
  switch (node.type) {
    case "MemberExpression":
      return node["computed"] === true ? childrenOf(node) : [childOf(node, "object")];
    case "Property":
      return [...(node["computed"] === true ? [childOf(node, "key")] : []), childOf(node, "value")];
    case "PropertyDefinition":
      return isNode(node["value"]) ? [node["value"]] : [];
    case "AssignmentExpression":
      return [childOf(node, "right")];
    case "AssignmentPattern":
      return [childOf(node, "right")];
    case "ExportNamedDeclaration":
      return isNode(node["declaration"]) ? [node["declaration"]] : [];
    case "UpdateExpression":
      return [];
    case "ForOfStatement":
      return [childOf(node, "right"), childOf(node, "body")];
    default:
      return childrenOf(node).filter(
        (child) => !child.type.startsWith("TS") || TYPED_EXPRESSIONS.includes(child.type),
      );
  }
}

function isLeftOut(node: SyntaxNode, source: string): boolean {
  if (LEFT_OUT.includes(node.type)) return true;
  // A directive, for example "use strict".
  if (node.type === "ExpressionStatement" && typeof node["directive"] === "string") return true;
  const call = node.type === "ExpressionStatement" ? node["expression"] : node;
  if (!isNode(call, "CallExpression", "ChainExpression")) return false;
  const text = source.slice(call.start, call.end);
  const [, object, name] = /^(?:(?:[\w.#?]*[.?])?(\w+)\??\.)?(\w+)\(/u.exec(text) ?? [];
  return IGNORED_CALLS.includes(name ?? "") || IGNORED_OBJECTS.includes(object ?? "");
}
