/** x */
export function generalPart() {
  return [];
}
