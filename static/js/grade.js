// Loads the desk on which reviewers grade pairs; other pages do not need these modules.
import "./grade-desk.js";
