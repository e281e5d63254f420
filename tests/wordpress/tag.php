<?php
// The tag in a must-use plugin: at the begin of the body, on error pages with their status, not for the staff.
add_action('wp_body_open', function () {
    if (current_user_can('edit_posts') || is_customize_preview()) {
        return;
    }
    $tag = <<<'HTML'
THE TAG
HTML;
    // The script tells the status by an attribute, the image of a browser without script by a parameter.
    $of_error = ['data-site=' => 'data-status="404" data-site=', 'm=noscript' => 'm=noscript&amp;e=404'];
    echo is_404() ? strtr($tag, $of_error) : $tag;
});
