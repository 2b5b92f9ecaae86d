/** x */
export function variablesPart() {
  return [];
}
