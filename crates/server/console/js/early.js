// Runs before the first paint, so that nobody who chose the dark is flashed at.
(() => {
  'use strict';
  try {
    const theme = localStorage.getItem('flowcd.theme');
    if (theme === 'light' || theme === 'dark') {
      document.documentElement.dataset.theme = theme;
    }
  } catch {
    // The system's theme it is.
  }
})();
