//! Every translator that is built in. The one place that names them.

use std::sync::Arc;

use segue_translator::Translator;

/// The built-in translators, in the order in which they are shown.
pub fn translators() -> Vec<Arc<dyn Translator>> {
    vec![Arc::new(segue_rhythmbox::Rhythmbox), Arc::new(segue_strawberry::Strawberry)]
}
